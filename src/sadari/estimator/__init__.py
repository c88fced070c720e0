"""The workbench as a scikit-learn classifier: arrays of images in, labels out."""
