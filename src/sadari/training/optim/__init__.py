"""How do gradients become steps? `build` makes the optimiser that the setting `optimizer` names."""
