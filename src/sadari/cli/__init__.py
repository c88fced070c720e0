"""Which commands can be typed? The only place where all rooms meet."""
