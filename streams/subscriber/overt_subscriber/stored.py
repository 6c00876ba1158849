"""Stored data as a source: list what the grant covers, read it run by run, split the records.

Reading blocks on the authority. What is in memory at a time is one chunk of runs (8 MB, or one run
if that is larger) and the list of runs. Runs are read in order of their batches, so the set of
batches has next to nothing to hold back.

A run that was moved keeps its old name for an hour. A reading that takes longer is refused a name
that went, lists again from where its listing began, and goes on with the runs that hold the same
records now: some records of a merged run may come twice, which the set of batches drops. What no
run holds any more was withdrawn, erased or has expired, and is counted so.
"""

import time
from collections.abc import Callable, Generator, Iterable, Iterator
from itertools import islice
from typing import Protocol

from overt_schemas import api, codec
from overt_schemas.errors import Malformed, Refused
from overt_schemas.ids import Stream
from overt_schemas.records import StoredPart
from overt_subscriber import telemetry
from overt_subscriber.batches import StreamKey
from overt_subscriber.runs import Page, Run
from overt_subscriber.source import Erased, Idle, News, Settled, Unreadable, Withdrawn

CHUNK_BYTES = 8 * 1_048_576
CHUNK_RUNS = 256
PAGE_RUNS = 1000
POLL_S = 0.5
GONE = "gone"  # a run that stands nowhere any more, and nobody says why
# What blanking leaves of a schema id: the smallest number of as many bytes.
_BLANK_IDS = frozenset({0, 64})
_MOST_BYTES = 64 * 1_048_576  # a segment is cut at 8 MB; a run beyond this is no run


class Store(Protocol):
    """What stored data is read through; ``authority.Authority`` is one."""

    def segments(self, grant: str, after: str, limit: int) -> Page:
        """Return what the grant covers behind a cursor."""
        ...

    def read(self, grant: str, runs: list[Run]) -> bytes | bytearray:
        """Return the bytes of these runs, in this order."""
        ...


class Stored:
    """Everything a grant covers in the store; with ``follow``, also what comes later.

    Iterate once. ``pause`` is called between polls that found nothing, with seconds.
    """

    def __init__(
        self, store: Store, grant: str, *, follow: bool = False,
        pause: Callable[[float], None] = time.sleep, chunk_bytes: int = CHUNK_BYTES,
    ) -> None:  # fmt: skip
        self._store, self._grant, self._chunk_bytes = store, grant, chunk_bytes
        self._follow, self._pause = follow, pause
        self.runs = 0

    def __iter__(self) -> Iterator[News]:
        """Yield records and what is settled; raises what the authority's client raises."""
        cursor = ""
        while True:
            since = cursor
            runs, cursor = self._list(since)
            self.runs += len(runs)
            cursor = yield from self._read(runs, since, cursor)
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

    def _read(self, runs: list[Run], since: str, cursor: str) -> Generator[News, None, str]:
        """Yield what the runs hold; return the cursor, which a second listing moves on."""
        ordered, at = in_order(runs), 0
        highest: dict[StreamKey, int] = {}
        while at < len(ordered):
            chunk = first_chunk(ordered[at : at + CHUNK_RUNS], self._chunk_bytes)
            try:
                body = memoryview(self._store.read(self._grant, chunk))
            except Refused as exc:
                # A call is refused whole; who goes meanwhile must not end the others' reading.
                done, unread = {run.run for run in ordered[:at]}, ordered[at:]
                listed, cursor = self._list(since)
                ordered, at = in_order(run for run in listed if run.run not in done), 0
                left = {run.run for run in ordered}
                if all(run.run in left for run in chunk):
                    raise
                yield from _withdrawn(exc.reason, unread, listed)
                continue
            at += len(chunk)
            for run in chunk:
                yield from _records(body[: run.bytes], run)
                body = body[run.bytes :]
            yield from _settled(chunk, islice(ordered, at, None), highest)
        return cursor


def in_order(runs: Iterable[Run]) -> list[Run]:
    """Return runs as they are read: marks of a boot first, then both streams side by side."""
    return sorted(runs, key=lambda r: (r.device, r.boot, r.first_batch, r.stream, r.run))


def first_chunk(runs: list[Run], chunk_bytes: int = CHUNK_BYTES) -> list[Run]:
    """Return the runs that the next call reads: at least one."""
    size, count = 0, 0
    for run in runs:
        if run.bytes > _MOST_BYTES:
            raise Malformed("index names a run larger than any segment", reason="size")
        size += run.bytes
        if count and size > chunk_bytes:
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


def is_blank(record: StoredPart) -> bool:
    """Whether an eraser made zeros of a record where it lay."""
    return (
        record.schema_id in _BLANK_IDS
        and bool(record.value)
        and not any(record.value)
        and not any(record.key)
    )


def _records(data: memoryview, run: Run) -> Iterator[News]:
    blanked = False
    for record in split(data, run.records):
        if isinstance(record, StoredPart) and is_blank(record):
            blanked = True
        else:
            yield record
    if blanked:
        yield Erased(key=_key(run), first=run.first_batch, last=run.last_batch)


def _withdrawn(reason: str, unread: list[Run], now: list[Run]) -> Iterator[Withdrawn]:
    """Yield how many of the runs that were to be read no listed run stands for."""
    places: dict[object, list[tuple[int, int]]] = {}
    for run in now:
        places.setdefault(_place(run), []).append((run.first_batch, run.last_batch))
    gone = sum(
        not any(
            first <= run.last_batch and run.first_batch <= last
            for first, last in places.get(_place(run), ())
        )
        for run in unread
    )
    telemetry.listed_again(len(unread), gone)
    if gone:
        yield Withdrawn(reason=GONE if reason == api.OUT_OF_SCOPE else reason, runs=gone)


def _place(run: Run) -> tuple[object, ...]:
    return (run.kind, run.device, run.boot, run.stream, run.activity, run.segment)


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
