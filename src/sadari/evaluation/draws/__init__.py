"""What if something else is drawn too? Looks while seeds are added, training sets, groups, data sets."""
