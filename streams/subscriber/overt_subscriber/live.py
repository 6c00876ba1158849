"""From the store into the feed, as one source: what a grant covers, and what comes next.

Everything stored is read first. Then the feed brings each record seconds before the store has it,
and the store is followed slowly behind, since it alone settles anything: a feed may have holes (a
reader that did not keep up, a feed that was cut off, a broker that was away), the store has none.
So a feed that is not there costs time and nothing else, and the two together make the sequence that
the store alone would make.

The end of a grant is what the authority says: its refusal ends the iteration, and a feed that went
away makes us ask at once.
"""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from overt_schemas.clock import Clock, SystemClock
from overt_schemas.errors import Transient
from overt_schemas.records import StoredPart
from overt_subscriber import telemetry
from overt_subscriber.source import Ahead, Idle, News, Quiet, Unreadable
from overt_subscriber.stored import CHUNK_BYTES, Store, Stored

STORE_S = 2.0  # what a hole in the feed costs at most, beside the sink's own delay
_POLL_S = 0.2
_LEAST_S = 0.01  # librdkafka counts in milliseconds: less would spin
_PAUSES_S = (1.0, 15.0)  # between two tries to open a feed: doubled from the first to the second


class Feed(Protocol):
    """A grant's live feed; ``feed.KafkaFeed`` is one. Every call may raise ``Transient``."""

    def open(self) -> None:
        """Begin, or go on behind what was read last. The first call fixes where reading begins."""
        ...

    def poll(self, seconds: float) -> Sequence[StoredPart | Unreadable]:
        """Return what came, waiting so long at most for the first of it."""
        ...

    def close(self) -> None:
        """Let go of the connection; ``open`` makes another."""
        ...


class Live:
    """A source that goes on for ever. Iterate once; closing the iterator closes the feed.

    ``pause`` is called with seconds while the feed is away; tests give one that does not wait.
    """

    def __init__(
        self, store: Store, grant: str, feed: Feed, *, clock: Clock | None = None,
        pause: Callable[[float], None] = time.sleep, chunk_bytes: int = CHUNK_BYTES,
    ) -> None:  # fmt: skip
        self._feed, self._pause = feed, pause
        self._clock = clock or SystemClock()
        stored = Stored(
            store, grant, follow=True, pause=lambda _seconds: None, chunk_bytes=chunk_bytes
        )
        self._stored = iter(stored)
        self._is_open = False
        self._wait_s, self._retry_at_s = _PAUSES_S[0], 0.0

    def __iter__(self) -> Iterator[News]:
        """Yield news; raises what the authority's client raises, ``Refused`` at the grant's end."""
        try:
            # Before the first listing: what comes while the store is read is in the feed.
            self._open()
            yield from self._follow()
            while True:
                yield from self._live(self._now_s() + STORE_S)
                yield from self._follow()
        finally:
            self._feed.close()

    def _follow(self) -> Iterator[News]:
        for news in self._stored:
            yield news
            if isinstance(news, Idle):
                return

    def _live(self, until_s: float) -> Iterator[News]:
        while (left_s := until_s - self._now_s()) > 0:
            if not self._is_open and self._now_s() >= self._retry_at_s:
                self._open()
            if not self._is_open:
                self._pause(min(_POLL_S, left_s))
                yield Quiet()
                continue
            try:
                records = self._feed.poll(min(_POLL_S, max(left_s, _LEAST_S)))
            except Transient as exc:
                self._lost(exc)
                return  # the authority is asked at once: it may be over
            self._wait_s = _PAUSES_S[0]
            for record in records:
                yield Ahead(record=record) if isinstance(record, StoredPart) else record
            yield Quiet()

    def _open(self) -> None:
        try:
            self._feed.open()
        except Transient as exc:
            self._lost(exc)
        else:
            self._is_open = True

    def _lost(self, exc: Transient) -> None:
        self._feed.close()
        self._is_open = False
        wait_s = self._wait_s * random.uniform(0.5, 1.0)  # noqa: S311 - spreads, not secret
        self._retry_at_s = self._now_s() + wait_s
        self._wait_s = min(2 * self._wait_s, _PAUSES_S[1])
        telemetry.feed_lost(exc.reason, wait_s)

    def _now_s(self) -> float:
        return self._clock.boot_ns() / 1e9
