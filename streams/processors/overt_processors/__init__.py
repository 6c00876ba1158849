"""Faust processors of overt: open, check, seal again."""
