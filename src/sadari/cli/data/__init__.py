"""`sadari data`: what is known of a set of images before a model learns from it?"""
