"""Sink connectors of overt: sealed objects, index, tiers."""
