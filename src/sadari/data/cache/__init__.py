"""What is stored between runs, under which name, and until when? Digests of files, and entries with a size limit."""
