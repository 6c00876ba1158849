"""Buckets and an index that stop at a chosen effect: killed there, or while somebody else works.

Effects are counted from 1: calls of the buckets, and writing transactions. At effect ``at`` the
``event`` happens, before the effect or right after it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from overt_sinks.index import Index
from overt_sinks.tiers.buckets import Buckets

# In these another process would wait for the transaction around them.
_LOCKED = ("replace", "purge")


class Killed(BaseException):
    """The process is gone; nothing of it runs on."""


@dataclass
class Disturbance:
    """What happens at which effect."""

    at: int = 0
    after: bool = False
    event: Callable[[], None] | None = None
    count: int = 0
    inside: int = 0

    def around(self, name: str, call: Callable[[], Any]) -> Any:
        """Do the effect, and what happens there."""
        self.count += 1
        is_here = self.count == self.at
        if is_here and not self.after:
            self._happen(name)
        result = call()
        if is_here and self.after:
            self._happen(name)
        return result

    def _happen(self, name: str) -> None:
        if self.event is None:
            raise Killed
        if name not in _LOCKED and not self.inside:
            self.event()


@dataclass
class DisturbedBucket:
    """A bucket of one process."""

    bucket: Any
    disturbance: Disturbance
    names: set[str] = field(default_factory=set)

    def __getattr__(self, name: str) -> Any:
        own = getattr(self.bucket, name)

        def call(*words: Any, **named: Any) -> Any:
            return self.disturbance.around(name, lambda: own(*words, **named))

        return call


class DisturbedIndex(Index):
    """An index of one process."""

    def __init__(self, url: str, disturbance: Disturbance) -> None:
        super().__init__(url)
        self._disturbance = disturbance

    @contextmanager
    def transaction(
        self, *, writes: bool = False, snapshot: bool = False
    ) -> Iterator[sa.Connection]:
        """Count those that write."""
        if writes:
            self._disturbance.around("begin", lambda: None)
        with super().transaction(writes=writes, snapshot=snapshot) as db:
            self._disturbance.inside += writes
            try:
                yield db
            finally:
                self._disturbance.inside -= writes
        if writes:
            self._disturbance.around("commit", lambda: None)


def disturbed(buckets: Buckets, disturbance: Disturbance) -> Buckets:
    """Return the buckets as a process sees them that is disturbed."""
    return {tier: DisturbedBucket(bucket, disturbance) for tier, bucket in buckets.items()}
