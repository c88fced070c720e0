"""How do the runs of a comparison train several at once?"""
