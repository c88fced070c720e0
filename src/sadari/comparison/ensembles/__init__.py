"""Which arm averages the others?"""
