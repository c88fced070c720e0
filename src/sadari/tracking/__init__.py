"""How do tools that keep experiments learn of finished runs?"""
