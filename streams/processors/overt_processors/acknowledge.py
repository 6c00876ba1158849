"""Acknowledge in offset order, and only what was produced.

Faust commits the highest contiguous acknowledged offset, but its test for contiguity is off by one
for acknowledgements that come out of order (a record in flight could be passed over), and its flush
before a commit does not look at failures. So: one queue a partition, acknowledged from its head
only, after the produce of *that* record succeeded; a produce that failed ends the process before
anything behind it can be committed, and Kafka delivers again. A record whose effect is written
later, with that of others, is held until ``release`` says that it was.

On revoke everything in flight is forgotten: the partition's next owner starts from the committed
offset. What completes later belongs to an older generation and is ignored, successes and failures
alike.
"""

import asyncio
import os
import time
from collections import defaultdict, deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, NoReturn

from overt_processors import telemetry

EXIT_REDELIVER = 70  # nothing of what is in flight was committed: start again and read it again


def die(code: int, cause: str, **facts: object) -> NoReturn:
    """End the process at once: no finally, no commit, no thread that could still do harm."""
    telemetry.exiting(code, cause, **facts)
    os._exit(code)


@dataclass(slots=True)
class _Item:
    """One record in flight."""

    ack: Callable[[], object]
    offset: int
    size: int
    generation: int
    appended_s: float
    held: bool = False
    done: bool = False


@dataclass(slots=True)
class Acknowledger:
    """Records in flight, by partition. Lives in the event loop's thread.

    Attributes:
        limit: records in flight before ``add`` waits.
        limit_bytes: bytes in flight before ``add`` waits.
        fail: called when a produce failed; must not return.
        generation: rises with every ``discard``.
    """

    limit: int = 2000
    limit_bytes: int = 33_554_432
    fail: Callable[..., object] = die
    generation: int = 0
    _queues: defaultdict[Hashable, deque[_Item]] = field(
        default_factory=lambda: defaultdict(deque), init=False
    )
    _acked: dict[Hashable, int] = field(default_factory=dict, init=False)
    # Many records share the future of the batch in which they were produced: one callback for all.
    _together: "dict[asyncio.Future[Any], list[tuple[Hashable, _Item]]]" = field(
        default_factory=dict, init=False
    )
    _count: int = field(default=0, init=False)
    _bytes: int = field(default=0, init=False)
    _room: asyncio.Event = field(default_factory=asyncio.Event, init=False)

    def __post_init__(self) -> None:
        self._room.set()

    @property
    def in_flight(self) -> int:
        """How many records wait for their turn."""
        return self._count

    def processed(self) -> dict[Hashable, int]:
        """Return the next offset behind the last acknowledged one, by partition."""
        return dict(self._acked)

    async def add(
        self, tp: Hashable, offset: int, ack: Callable[[], object], size: int,
        generation: int, produced: "asyncio.Future[Any] | None", appended_s: float | None = None,
        *, held: bool = False,
    ) -> None:  # fmt: skip
        """Take a record as ``take`` does, and wait while too much is in flight."""
        self.take(tp, offset, ack, size, generation, produced, appended_s, held=held)
        if generation == self.generation and self.is_full:
            await self.room()

    def take(
        self, tp: Hashable, offset: int, ack: Callable[[], object], size: int,
        generation: int, produced: "asyncio.Future[Any] | None", appended_s: float | None = None,
        *, held: bool = False,
    ) -> None:  # fmt: skip
        """Take a record; ``ack`` is called in its turn. Whoever takes looks at ``is_full`` then.

        ``produced`` is None for a record that yields nothing, or whose effect is written later
        (``held``); several records may name one future. A record of an older generation than the
        present one is let go. ``appended_s`` is when the brokers got it (Unix time).
        """
        if generation != self.generation:
            return
        item = _Item(ack, offset, size, generation, appended_s or 0.0)
        self._queues[tp].append(item)
        self._count += 1
        self._bytes += size
        if produced is None:
            item.held, item.done = held, not held
            self._advance(tp)
            return
        together = self._together.get(produced)
        if together is None:
            together = self._together[produced] = []
            produced.add_done_callback(self._produced)
        together.append((tp, item))

    @property
    def is_full(self) -> bool:
        """Whether so much is in flight that nothing more should be taken."""
        return self._count >= self.limit or self._bytes >= self.limit_bytes

    async def room(self) -> None:
        """Wait until half of what may be in flight is done."""
        self._room.clear()
        await self._room.wait()

    def release(self, tp: Hashable, below: int) -> None:
        """Let go of the held records of a partition below that offset."""
        for item in self._queues.get(tp, ()):
            if item.offset >= below:
                break
            item.done = item.done or item.held
        if tp in self._queues:
            self._advance(tp)

    def discard(self) -> int:
        """Forget all that is in flight; returns how much that was."""
        count = self._count
        self.generation += 1
        self._queues.clear()
        self._acked.clear()
        self._count = self._bytes = 0
        self._room.set()
        return count

    def _produced(self, future: "asyncio.Future[Any]") -> None:
        """One future is done: that of a record, or of a whole batch of them."""
        error = None
        if future.cancelled():
            error = "cancelled"
        elif (raised := future.exception()) is not None:  # looked at, so that nobody warns of it
            error = type(raised).__name__
        # What belongs to an older generation is ignored, successes and failures alike.
        own = [row for row in self._together.pop(future) if row[1].generation == self.generation]
        if error is not None:
            if own:
                self.fail(EXIT_REDELIVER, "produce_failed", error=error, offset=own[0][1].offset)
            return
        for _, item in own:
            item.done = True
        for tp in {tp for tp, _ in own}:
            self._advance(tp)

    def _advance(self, tp: Hashable) -> None:
        queue = self._queues[tp]
        now_s = time.time()
        while queue and queue[0].done:
            item = queue.popleft()
            self._count -= 1
            self._bytes -= item.size
            self._acked[tp] = item.offset + 1
            item.ack()
            if item.appended_s:
                telemetry.done(now_s - item.appended_s)
        # Half empty before the next record is taken: one wake-up for many records.
        if self._count <= self.limit // 2 and self._bytes <= self.limit_bytes // 2:
            self._room.set()
