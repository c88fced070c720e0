"""How do the runs of a comparison train on the nodes of a Ray cluster?"""
