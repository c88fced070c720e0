"""What do the pages and pictures about a set of images show? What was found in it, what is suspect, how it is augmented."""
