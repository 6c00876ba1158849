"""What a subscription reads from: stored data now, a grant's live feed by the same Protocol.

A source yields stored records as they come, in any order and with repeats, and says two things
about them: up to which batch nothing that it knows of is still on its way (``Settled``), and that
it has caught up (``Idle``). What runs ahead of that is marked so (``Ahead``). The subscription
stops a source by closing its iterator.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from overt_schemas.records import StoredPart
from overt_subscriber.batches import StreamKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """No batch of this stream below ``below`` is on its way that the source knows of."""

    key: StreamKey
    below: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """Stored bytes that hold no record."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawn:
    """Runs that were listed and may not be read any more: somebody was erased, or withdrew."""

    reason: str
    runs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """A run that was blanked where it lies, for a person's sake; ``key`` is None for marks."""

    key: StreamKey | None
    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Idle:
    """The source has caught up with what is there. A source that follows goes on after it."""

    runs: int = field(default=0)  # listed since the last one


@dataclass(frozen=True, slots=True, kw_only=True)
class Ahead:
    """A record that a live feed brought: the store has it too, or will."""

    record: StoredPart


@dataclass(frozen=True, slots=True)
class Quiet:
    """Nothing came for a moment: time to look at the clock, and at nothing else."""


News = StoredPart | Settled | Unreadable | Withdrawn | Erased | Idle | Ahead | Quiet


class Source(Protocol):
    """Where stored records come from; iterating may block on the network."""

    def __iter__(self) -> Iterator[News]:
        """Yield news until caught up, or, when the source follows, until closed."""
        ...
