"""Which model is better? Arms times seeds, as a list of jobs, to one table."""
