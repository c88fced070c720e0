"""How is a map of pictures drawn? As a page of its own, and as a section of the report, with thumbnails."""
