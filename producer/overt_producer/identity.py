"""Whom beacons speak to."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The group, and the secret that single-device tags are made for."""

    group: str
    tag_secret: bytes = field(repr=False)
