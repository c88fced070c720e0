"""What is inside a trained model, and why did it say that? Values first; `report/ink` draws them."""
