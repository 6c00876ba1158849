"""Readers of overt: one iterator over what a grant covers."""
