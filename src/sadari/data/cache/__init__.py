"""What is kept between runs, under which name, and when does it go? Digests of files, and entries with a size limit."""
