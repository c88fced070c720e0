"""Do the claims of a study hold?"""
