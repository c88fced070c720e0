"""Which models are there, and what are they made of?"""
