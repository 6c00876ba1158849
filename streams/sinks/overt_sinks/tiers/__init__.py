"""Tiers: finished days are packed by person, moved on and expire; nothing is ever opened."""
