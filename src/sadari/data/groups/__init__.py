"""Which images belong together? Those of one patient or camera; they stay in one split and count as one."""
