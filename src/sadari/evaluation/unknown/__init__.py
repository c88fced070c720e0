"""Which images show none of the classes? Scores, thresholds and figures, free of torch."""
