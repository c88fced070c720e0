"""How does a model answer over HTTP? Bytes of images in, probabilities out, many at once, within fixed limits."""
