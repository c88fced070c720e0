"""What do the pages about a set of images show? What was found in it, what is suspect, and how it is augmented."""
