"""Replaying raw records: a plan, the offsets set back, and how far it is.

``plan`` (pure) is what was decided and how far it went; ``start`` carries it out and can be cut off
anywhere; ``offsets`` speaks with the brokers.
"""
