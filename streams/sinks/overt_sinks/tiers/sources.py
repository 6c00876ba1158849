"""Reads the runs that a move packs, and proves them before they are copied. SHELL.

A range says nothing of itself. So each object is read whole once, held to its own hash, and the
digests of its runs are remembered (16 bytes a run); what ranges give later must match them. What a
store or a network changed is found before it becomes a copy that then agrees with itself.
"""

import hashlib
from array import array
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from itertools import groupby

from overt_schemas.errors import Malformed, Transient
from overt_sinks import avro, own_hash
from overt_sinks.index import inventory_rows
from overt_sinks.index.engine import Engine
from overt_sinks.index.values import RunRow
from overt_sinks.tiers.buckets import Bucket
from overt_sinks.tiers.bundle import Source
from overt_sinks.tiers.step import READINGS

_MOST_RUNS = 2_000_000  # remembered: 32 MB


class _Digests:
    """Of the runs of one object, by position."""

    __slots__ = ("digests", "starts")

    def __init__(self, rows: Iterable[RunRow], data: bytes) -> None:
        self.starts, self.digests = array("Q"), array("Q")
        view = memoryview(data)
        for row in rows:
            self.starts.append(row.byte_from)
            self.digests.append(_digest(view[row.byte_from : row.byte_from + row.byte_len]))

    def match(self, row: RunRow, data: bytes) -> bool:
        """Whether these are the run's bytes."""
        at = bisect_left(self.starts, row.byte_from)
        is_known = at < len(self.starts) and self.starts[at] == row.byte_from
        return is_known and len(data) == row.byte_len and self.digests[at] == _digest(data)


class Sources:
    """Proven runs of objects; the objects it has read whole are remembered by digests."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known: OrderedDict[tuple[str, str], _Digests] = OrderedDict()
        self._runs = 0

    def read(self, tier: str, bucket: Bucket, rows: Sequence[RunRow]) -> list[Source]:
        """Return the runs with their bytes, in the order asked; they are held in memory.

        Raises:
            NotFound: an object is gone.
            Transient: the store gave other bytes than before; ask again.
            Malformed: an object is not what its own hash says.
        """
        found: dict[str, bytes] = {}
        by_object = sorted(rows, key=lambda row: (row.object, row.byte_from))
        for name, group in groupby(by_object, key=lambda row: row.object):
            own = list(group)
            digests = self._proven(tier, bucket, name)
            pieces = bucket.read_ranges(
                name, [row.byte_from for row in own], [row.byte_len for row in own]
            )
            for row, data in zip(own, pieces, strict=True):
                if not digests.match(row, data):
                    self._forget((tier, name))
                    raise Transient("a run was read differently than before", reason="source_read")
                found[row.run] = data
        return [Source(row=row, data=found[row.run]) for row in rows]

    def _proven(self, tier: str, bucket: Bucket, name: str) -> _Digests:
        key = (tier, name)
        known = self._known.get(key)
        if known is not None:
            self._known.move_to_end(key)
            return known
        data = _whole(bucket, name)
        with self._engine.transaction() as db:
            rows = inventory_rows.runs_of(db, name)
        known = self._known[key] = _Digests(rows, data)
        self._runs += len(known.starts)
        while self._runs > _MOST_RUNS and len(self._known) > 1:
            self._forget(next(iter(self._known)))
        return known

    def _forget(self, key: tuple[str, str]) -> None:
        self._runs -= len(self._known.pop(key).starts)


def _whole(bucket: Bucket, name: str) -> bytes:
    """Return an object that matches its own hash."""
    for tried in range(READINGS):
        data = bucket.read(name)
        try:
            cursor = avro.Cursor(data)
            cursor.header()
            own_hash.check(data, cursor.at)
        except Malformed:
            if tried + 1 == READINGS:
                raise
        else:
            return data
    raise AssertionError("the last reading returns or raises")


def _digest(data: bytes | memoryview) -> int:
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "big")
