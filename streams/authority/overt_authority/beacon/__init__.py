"""The beacon: the signed lease of the whole fleet."""
