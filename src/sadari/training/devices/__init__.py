"""How does one run train on several devices? Processes with equal networks, each with its share of every batch."""
