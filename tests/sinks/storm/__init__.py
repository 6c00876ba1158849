"""Chaos for the sink: everything around it falls, and each part still stands exactly once."""
