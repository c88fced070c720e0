"""Which labels does an annotation tool's export give to the files of a tree? `find.find_export` looks for one."""
