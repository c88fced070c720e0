"""How does a finished model leave the workbench? Predictions for files, and files that run elsewhere."""
