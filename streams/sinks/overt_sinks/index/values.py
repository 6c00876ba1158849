"""Rows of the index as values, for whoever decides over them. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """An object that stands in a tier now. A hot one is of no one person, day and class."""

    object: str
    tier: str
    records: int
    bytes: int
    sha256: str
    person: str
    day: str
    class_: str
    created_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """A run as the index holds it; ``superseded_ms`` is 0 while it is the one to read."""

    run: str
    object: str
    byte_from: int
    byte_len: int
    records: int
    kind: str
    person: str
    device: str
    boot: str
    activity: int
    stream: int
    segment: int
    first_batch: int
    last_batch: int
    day: str
    seen: int
    superseded_ms: int
