"""Which images of a comparison count together?"""
