"""How does a model learn? The door is `train.train`."""
