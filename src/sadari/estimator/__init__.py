"""The workbench as a scikit-learn estimator: arrays in, labels out."""
