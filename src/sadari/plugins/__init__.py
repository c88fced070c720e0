"""What do others add to Sadari? Layers, metrics and more, offered by installed packages or by a user's own module."""
