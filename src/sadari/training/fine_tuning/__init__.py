"""How does a pre-trained network learn further without losing what it knows? Its class layer first, its mean last."""
