"""Which objects of Python hold images? They are handed over once, and stored in the cache for every run."""
