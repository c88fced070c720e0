"""How is a finished model used? Predictions for files, a server, and exported files that run without Sadari."""
