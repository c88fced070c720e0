"""How do gradients become steps? `build` makes the optimiser that a setting names."""
