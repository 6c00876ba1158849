"""Frames: what the screen showed, whole, lossless, and only when it changed."""

from overt_producer.frames.encode import Picture, Shot, look

__all__ = ["Picture", "Shot", "look"]
