"""Which pictures of a set should a person look at? Probably wrong labels, odd pictures, and a map of them all."""
