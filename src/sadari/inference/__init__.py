"""What does a trained model say, and how is it opened? The one way of predicting; who uses a model needs no training."""
