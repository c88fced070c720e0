"""How does a model run in a browser, without a server and without a network? As a folder with one HTML file."""
