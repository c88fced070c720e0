"""How is a search for settings shown? Its figures as plain data, and its page."""
