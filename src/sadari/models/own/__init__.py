"""How does code of the user become a model? A class or function that makes a torch module, named by the user alone."""
