"""Which settings of a model are best? A search by Optuna on validation images, then a comparison on test images."""
