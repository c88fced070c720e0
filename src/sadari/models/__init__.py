"""Which classifiers are there, and what are they made of?"""
