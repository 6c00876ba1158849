"""Erasing one person's day from every tier, so that every other byte stays where it is."""
