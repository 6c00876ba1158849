"""Policies: files an operator reviews, versioned, signed and published."""
