"""Operators of overt: stream-ops, topology as code, embedded stack, demo."""
