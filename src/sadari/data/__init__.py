"""Which images are there, and how do they reach a model? The door is `load.load`."""
