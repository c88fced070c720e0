"""Draws figures with matplotlib: each module draws data of `report/figures.py`; `write` draws all of a result."""
