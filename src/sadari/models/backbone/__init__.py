"""How does a network begin with a pre-trained one? As one layer of its list; the weights are safetensors."""
