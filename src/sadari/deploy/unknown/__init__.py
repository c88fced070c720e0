"""Images of no known class: how well a model tells them, and what an exported graph says of them."""
