"""Grants: a time-boxed right of one subscriber for one purpose."""
