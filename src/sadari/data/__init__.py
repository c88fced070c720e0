"""Which images are there, and how do they reach a model? The entry point is `load.load`."""
