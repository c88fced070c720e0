"""Small sets, models, runs and servers that several tests use."""
