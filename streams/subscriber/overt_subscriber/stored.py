"""Stored data as a source: list what the grant covers, read it run by run, split the records.

Reading blocks on the authority. What is in memory at a time is one chunk of runs (8 MB, or one run
if that is larger) and the list of runs. Runs are read in order of their batches, so the set of
batches has next to nothing to hold back.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Protocol

from overt_schemas import codec
from overt_schemas.errors import Malformed, Refused
from overt_schemas.ids import Stream
from overt_schemas.records import StoredPart
from overt_subscriber import telemetry
from overt_subscriber.authority import Page, Run
from overt_subscriber.batches import StreamKey
from overt_subscriber.source import Idle, News, Settled, Unreadable, Withdrawn

CHUNK_BYTES = 8 * 1_048_576
CHUNK_RUNS = 256
PAGE_RUNS = 1000
POLL_S = 0.5
_MOST_BYTES = 64 * 1_048_576  # a segment is cut at 8 MB; a run beyond this is no run


class Store(Protocol):
    """What stored data is read through; ``authority.Authority`` is one."""

    def segments(self, grant: str, after: str, limit: int) -> Page:
        """Return what the grant covers behind a cursor."""
        ...

    def read(self, grant: str, runs: list[Run]) -> bytes:
        """Return the bytes of these runs, in this order."""
        ...


class Stored:
    """Everything a grant covers in the store; with ``follow``, also what comes later.

    Iterate once. ``pause`` is called between polls that found nothing, with seconds.
    """

    def __init__(
        self, store: Store, grant: str, *, follow: bool = False,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:  # fmt: skip
        self._store, self._grant = store, grant
        self._follow, self._pause = follow, pause
        self.runs = 0

    def __iter__(self) -> Iterator[News]:
        """Yield records and what is settled; raises what the authority's client raises."""
        cursor = ""
        while True:
            since = cursor
            runs, cursor = self._list(since)
            self.runs += len(runs)
            yield from self._read(runs, since)
            yield Idle(runs=len(runs))
            if not self._follow:
                return
            if not runs:
                self._pause(POLL_S)

    def _list(self, cursor: str) -> tuple[list[Run], str]:
        runs: list[Run] = []
        while True:
            page = self._store.segments(self._grant, cursor, PAGE_RUNS)
            runs += page.runs
            cursor = page.next
            if not page.more:
                break
        if runs:
            telemetry.runs_listed(len(runs), sum(run.bytes for run in runs))
        return runs, cursor

    def _read(self, runs: list[Run], since: str) -> Iterator[News]:
        ordered, at = in_order(runs), 0
        highest: dict[StreamKey, int] = {}
        while at < len(ordered):
            chunk = first_chunk(ordered[at : at + CHUNK_RUNS])
            try:
                body = memoryview(self._store.read(self._grant, chunk))
            except Refused as exc:
                # A call is refused whole; who goes meanwhile must not end the others' reading.
                left = self._still(ordered[at:], since)
                if left[: len(chunk)] == chunk:
                    raise
                yield Withdrawn(reason=exc.reason, runs=len(ordered) - at - len(left))
                ordered[at:] = left
                continue
            at += len(chunk)
            for run in chunk:
                yield from split(body[: run.bytes], run.records)
                body = body[run.bytes :]
            yield from _settled(chunk, islice(ordered, at, None), highest)

    def _still(self, runs: list[Run], since: str) -> list[Run]:
        """Return those of the runs that the grant covers now; raises if it covers nothing more."""
        listed, _ = self._list(since)
        names = {run.run for run in listed}
        return [run for run in runs if run.run in names]


def in_order(runs: Iterable[Run]) -> list[Run]:
    """Return runs as they are read: marks of a boot first, then both streams side by side."""
    return sorted(runs, key=lambda r: (r.device, r.boot, r.first_batch, r.stream, r.run))


def first_chunk(runs: list[Run]) -> list[Run]:
    """Return the runs that the next call reads: at least one."""
    size, count = 0, 0
    for run in runs:
        if run.bytes > _MOST_BYTES:
            raise Malformed("index names a run larger than any segment", reason="size")
        size += run.bytes
        if count and size > CHUNK_BYTES:
            break
        count += 1
    return runs[:count]


def split(data: memoryview, records: int) -> Iterator[StoredPart | Unreadable]:
    """Yield the records of one run, which are self-delimiting; stop at the first broken one."""
    at = 0
    for _ in range(records):
        try:
            record, at = codec.unpack_at(StoredPart, data, at)
        except Malformed:
            yield Unreadable(reason="malformed")
            return
        yield record
    if at != len(data):
        yield Unreadable(reason="left_over")


def _settled(
    chunk: list[Run], unread: Iterable[Run], highest: dict[StreamKey, int]
) -> Iterator[Settled]:
    last, waiting = chunk[-1], {}
    for run in chunk:
        if (key := _key(run)) is not None:
            highest[key] = max(highest.get(key, -1), run.last_batch)
    touched = {key for run in chunk if (key := _key(run)) is not None}
    # Runs are in order of device, boot and batch: only the chunk's last boot can be half read,
    # and its first unread run of a stream is the lowest.
    searched = {key for key in touched if (key.device, key.boot) == (last.device, last.boot)}
    for run in unread:
        if not searched or (run.device, run.boot) != (last.device, last.boot):
            break
        if (key := _key(run)) in searched and key is not None:
            waiting[key] = run.first_batch
            searched.discard(key)
    for key in sorted(touched, key=lambda k: (k.device, k.boot, k.stream)):
        yield Settled(key=key, below=waiting.get(key, highest[key] + 1))


def _key(run: Run) -> StreamKey | None:
    if run.first_batch < 0 or run.stream not in (Stream.INPUT, Stream.FRAME):
        return None
    return StreamKey(device=run.device, boot=run.boot, stream=Stream(run.stream))
