"""What does a network begin with beside random numbers, and end with? Fitted layers first, a mean of weights last."""
