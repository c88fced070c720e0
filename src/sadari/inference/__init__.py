"""What does a trained model say, and how is it opened? The one way of predicting; using a model needs no training."""
