"""Which forms can data have? Each is a `base.Source`; named sets register in `catalog`."""
