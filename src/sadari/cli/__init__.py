"""What can be typed? The only place where rooms meet."""
