"""How does a figure look on paper? Each module draws data of `report/figures.py`; `write` draws all of a result."""
