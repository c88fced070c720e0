"""How does a figure's data look on paper? Each module draws what `figures.py` returns."""
