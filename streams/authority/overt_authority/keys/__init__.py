"""Keys: the root they are wrapped under, and those of people and processors."""
