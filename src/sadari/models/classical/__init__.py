"""Which classical models fit the class layer? Each registers its fitting in `registry`."""
