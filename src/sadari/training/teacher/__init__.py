"""How does a small network learn from a large one? From the answers of a finished model, its teacher (distillation)."""
