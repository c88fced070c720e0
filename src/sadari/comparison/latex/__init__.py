"""How does a result become a table of a paper? LaTeX with booktabs, intervals, and a caption that says the protocol."""
