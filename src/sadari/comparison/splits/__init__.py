"""What do many splits of the same images show together? Parts drawn anew, and folds."""
