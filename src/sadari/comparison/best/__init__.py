"""Which model of the ladder is the best within a given time? Successive halving, then a comparison of the finalists."""
