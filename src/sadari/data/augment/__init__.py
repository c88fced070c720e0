"""How are training images redrawn in each epoch? The entry point is `pipeline.parse_augmentation`."""
