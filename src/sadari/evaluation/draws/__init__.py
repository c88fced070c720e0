"""What if something else is drawn too? Other training sets."""
