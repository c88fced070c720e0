"""How many seeds has each arm, when are they enough, and what do they show of the arm?"""
