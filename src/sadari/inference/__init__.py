"""What does a trained model predict, and how is it opened? The only inference code; it does not need `training`."""
