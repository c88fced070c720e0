"""Which labels of a set are probably wrong? Confident learning, on probabilities for images a model has not seen."""
