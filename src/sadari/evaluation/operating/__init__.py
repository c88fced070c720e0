"""Which decisions follow from probabilities, other than the most probable class?"""
