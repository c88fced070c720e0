"""One plug-in of each kind for Sadari, as examples."""
