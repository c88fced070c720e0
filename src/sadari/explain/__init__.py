"""What is inside a trained model, and why did it predict that? As values; `report/plots` draws them."""
