"""Which worlds with known truth are drawn, and what do intervals and tests say in them?"""
