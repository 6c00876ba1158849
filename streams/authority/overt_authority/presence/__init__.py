"""Presence: capturing or not, the latest word of each device."""
