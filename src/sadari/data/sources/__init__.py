"""Which forms can data have? Each is a `base.Source`; named sets are registered in `catalog`."""
