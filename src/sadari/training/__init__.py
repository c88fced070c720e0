"""How does a model learn? `train.train` makes one run of one job; everything else here is part of that."""
