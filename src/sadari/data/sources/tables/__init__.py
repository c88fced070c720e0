"""Which forms can a table of images have? Text with rows of paths and labels, and parquet."""
