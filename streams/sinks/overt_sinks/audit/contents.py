"""What an object of any tier holds: which offsets, in which runs, what of it was blanked. Pure.

Read by hand rather than through the writer's code: what both got wrong alike would be missed. The
container is checked to its last byte and against its own hash. A record that was *blanked* (its
person's day was erased) keeps its place and length; key, header values and value are zeros. It
stands nowhere any more, and only its offset is told.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from overt_schemas.errors import Malformed
from overt_sinks import avro
from overt_sinks.audit.offsets import Numbers
from overt_sinks.placing import place
from overt_sinks.runs import Datum, Run, runs_of

_OWN_HASH = "overt.sha256"
_DIGITS = 64
_SCHEMA_IDS = 1 << 32

Source = tuple[str, int]  # topic id, partition


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """An object's records, in their order; ``extents[n]`` are first and end of run ``n`` in it.

    Attributes:
        sources: the partitions that records come from; ``source`` names one, record by record.
    """

    metadata: Mapping[str, bytes]
    size: int
    sha256: str
    sources: tuple[Source, ...]
    source: NDArray[np.int32]
    offsets: Numbers
    blanked: NDArray[np.bool_]
    runs: tuple[Run, ...]
    extents: tuple[tuple[int, int], ...]

    @property
    def records(self) -> int:
        """How many records it holds, blanked ones too."""
        return len(self.offsets)

    def standing(self, runs: Sequence[int]) -> Iterator[tuple[Source, Numbers]]:
        """Yield the offsets of these runs, partition by partition."""
        wanted = np.zeros(self.records, np.bool_)
        for number in runs:
            begin, end = self.extents[number]
            wanted[begin:end] = True
        yield from self.of(wanted)

    def of(self, wanted: NDArray[np.bool_]) -> Iterator[tuple[Source, Numbers]]:
        """Yield the offsets of the records that are wanted, partition by partition."""
        for number, source in enumerate(self.sources):
            offsets = self.offsets[wanted & (self.source == number)]
            if len(offsets):
                yield source, offsets

    def decimal(self, name: str) -> int:
        """Return a number of its metadata.

        Raises:
            Malformed: there is none.
        """
        text = self.metadata.get(f"overt.{name}", b"")
        if not text.isdigit() or len(text) > 19:
            raise Malformed(f"object lacks overt.{name}", reason="container")
        return int(text)


def read(data: bytes) -> Contents:
    """Return what an object holds.

    Raises:
        Malformed: it is no container of sealed records, or does not match its own hash.
    """
    cursor = avro.Cursor(data)
    metadata, sync = cursor.header()
    _check_hash(data, cursor.at, metadata)
    sources: dict[Source, int] = {}
    source: list[int] = []
    offsets: list[int] = []
    blanked: list[bool] = []
    stretches: list[list[Datum]] = [[]]
    block = 0
    while cursor.at < len(data):
        count, size = cursor.long(), cursor.long()
        end = cursor.at + size
        for _ in range(count):
            start = cursor.at
            where, offset, is_blank, frame = _record(cursor)
            source.append(sources.setdefault(where, len(sources)))
            offsets.append(offset)
            blanked.append(is_blank)
            if is_blank:
                stretches.append([])  # neighbours of what is gone are neighbours no more
            else:
                datum = Datum(
                    block=block, byte_from=start, byte_len=cursor.at - start, place=place(frame)
                )
                stretches[-1].append(datum)
        if cursor.at != end or cursor.take(avro.SYNC_BYTES) != sync:
            raise Malformed("block does not end where it says", reason="container")
        block += 1
    runs = tuple(run for stretch in stretches for run in runs_of(stretch))
    return Contents(
        metadata=metadata, size=len(data), sha256=hashlib.sha256(data).hexdigest(),
        sources=tuple(sources), source=np.array(source, np.int32),
        offsets=np.array(offsets, np.int64), blanked=np.array(blanked, np.bool_),
        runs=runs, extents=_extents(runs, blanked),
    )  # fmt: skip


def _record(cursor: avro.Cursor) -> tuple[Source, int, bool, bytes]:
    """Return where a record comes from, whether it was blanked, and its Kafka value."""
    topic = cursor.take(cursor.long())
    number, offset = cursor.long(), cursor.long()
    cursor.long()
    touched = any(cursor.take(cursor.long()))  # the key
    while count := cursor.long():
        if count < 0:
            count = -count
            cursor.long()
        for _ in range(count):
            cursor.skip(cursor.long())
            touched |= any(cursor.take(cursor.long()))
    schema = cursor.long()
    value = cursor.take(cursor.long())
    if not 0 <= schema < _SCHEMA_IDS:
        raise Malformed("a record's schema id is none", reason="container")
    try:
        source = (topic.decode("ascii"), number)
    except UnicodeDecodeError as exc:
        raise Malformed("a record's topic id is none", reason="container") from exc
    is_blank = not touched and value.count(0) == len(value)
    return source, offset, is_blank, b"\0" + schema.to_bytes(4, "big") + value


def _extents(runs: Sequence[Run], blanked: Sequence[bool]) -> tuple[tuple[int, int], ...]:
    """Return where each run begins and ends among the records; none holds a blanked one."""
    found, at = [], 0
    for run in runs:
        while blanked[at]:
            at += 1
        found.append((at, at + run.records))
        at += run.records
    return tuple(found)


def _check_hash(data: bytes, header_end: int, metadata: Mapping[str, bytes]) -> None:
    """Compare an object with the hash in it, whose own digits count as zeros."""
    own = metadata.get(_OWN_HASH, b"")
    at = data.find(own, 0, header_end) if len(own) == _DIGITS else -1
    if at < 0:
        raise Malformed("object does not say its own hash", reason="container")
    digest = hashlib.sha256(memoryview(data)[:at])
    digest.update(b"0" * _DIGITS)
    digest.update(memoryview(data)[at + _DIGITS :])
    if digest.hexdigest().encode() != own:
        raise Malformed("object does not match its own hash", reason="object_hash")
