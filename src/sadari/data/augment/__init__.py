"""How are training images redrawn in each epoch? The door is `pipeline.parse_augmentation`."""
