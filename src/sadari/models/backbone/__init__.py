"""How does a network begin with a pre-trained one? As one layer of its list; weights come from safetensors files."""
