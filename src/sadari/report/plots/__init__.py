"""Draws figures with matplotlib: each module draws data of `report/figures.py`; `files` writes all of a result."""
