"""The warm object: one person's day of one class, as an Avro container. Pure, and no key.

It holds the same ``StoredPart`` datums as the objects it was packed from, byte for byte, ordered
by (device, boot, stream, batch) and then by where they stood. A block holds at most 64 records and
ends with its segment, so a segment of up to 64 records is one run and one range. Metadata besides
Avro's: ``overt.person`` ``overt.day`` ``overt.class`` ``overt.records`` ``overt.sha256``.

A run of the sources is never cut: a run of the target is a whole number of them, and its ``seen``
is the highest of theirs. So no two runs share a ``seen``, which readers page by. (After a replay a
run may overlap another of its segment; both stay runs of their own.)
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from overt_schemas.errors import Malformed
from overt_sinks import avro, own_hash
from overt_sinks.container import BLOCK_RECORDS, count, cut, frame, schema_json
from overt_sinks.naming import run_name
from overt_sinks.placing import Place, place
from overt_sinks.tiers.naming import Group, group_of

if TYPE_CHECKING:  # the value alone: its module speaks SQL, this one does not
    from overt_sinks.index.values import RunRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A run to pack: its row and its bytes."""

    row: "RunRow"
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A warm object as the index will know it.

    Attributes:
        runs: the rows of its runs.
        digests: SHA-256 of each run's bytes as they stood in the sources.
    """

    name: str
    group: Group
    records: int
    size: int
    sha256: str
    runs: "tuple[RunRow, ...]"
    digests: tuple[bytes, ...]


def order(row: "RunRow") -> tuple[object, ...]:
    """Return where a run stands among those it is packed with."""
    return (row.device, row.boot, row.stream, row.first_batch, row.object, row.byte_from)


def build(name: str, group: Group, sources: Iterable[Source]) -> tuple[Bundle, bytes]:
    """Return the object of these runs, which come in their order, and its bytes.

    Raises:
        Malformed: a source's bytes are not what its row says; reason ``source_differs``.
    """
    blocks = list(_blocks(group, sources))
    sync = hashlib.sha256(f"overt sync v1 {name}".encode()).digest()[: avro.SYNC_BYTES]
    body: list[bytes] = []
    pieces: list[tuple[int, _Piece]] = []
    at = 0
    for block in blocks:
        opening = avro.long(sum(piece.row.records for piece in block)) + avro.long(
            sum(piece.size for piece in block)
        )
        body.append(opening)
        at += len(opening)
        for piece in block:
            pieces.append((at, piece))
            body += piece.chunks
            at += piece.size
        body.append(sync)
        at += len(sync)
    records = sum(piece.row.records for _, piece in pieces)
    head = own_hash.header(_metadata(group, records), sync, body)
    data = own_hash.joined(head, body)
    runs = tuple(_placed(piece, name, len(head) + start) for start, piece in pieces)
    made = Bundle(
        name=name, group=group, records=records, size=len(data),
        sha256=hashlib.sha256(data).hexdigest(), runs=runs,
        digests=tuple(piece.digest() for _, piece in pieces),
    )  # fmt: skip
    return made, data


def is_whole(bundle: Bundle, data: bytes) -> bool:
    """Whether an object that was read back holds each datum of the sources, and nothing else."""
    if hashlib.sha256(data).hexdigest() != bundle.sha256:
        return False
    records = 0
    try:
        cursor = avro.Cursor(data)
        cursor.header()
        own_hash.check(data, cursor.at)
        for row, digest in zip(bundle.runs, bundle.digests, strict=True):
            held = data[row.byte_from : row.byte_from + row.byte_len]
            if hashlib.sha256(held).digest() != digest:
                return False
            records += count(held)
    except Malformed:
        return False
    return records == bundle.records


@dataclass(slots=True)
class _Piece:
    """A run of the target while it grows."""

    row: "RunRow"
    last: Place
    chunks: list[bytes]

    @property
    def size(self) -> int:
        return sum(len(chunk) for chunk in self.chunks)

    def takes(self, first: Place) -> bool:
        """Whether a run that begins there continues this one."""
        return first.follows(self.last)

    def take(self, other: "_Piece") -> None:
        self.row = replace(
            self.row, records=self.row.records + other.row.records,
            last_batch=other.row.last_batch, seen=max(self.row.seen, other.row.seen),
        )  # fmt: skip
        self.last = other.last
        self.chunks += other.chunks

    def digest(self) -> bytes:
        digest = hashlib.sha256()
        for chunk in self.chunks:
            digest.update(chunk)
        return digest.digest()


def _blocks(group: Group, sources: Iterable[Source]) -> Iterator[list[_Piece]]:
    """Yield the pieces block by block."""
    block: list[_Piece] = []
    held = 0
    for source in sources:
        first, last = _ends(group, source)
        piece = _Piece(row=source.row, last=last, chunks=[source.data])
        if block and (
            _segment(block[-1].row) != _segment(source.row)
            or held + source.row.records > BLOCK_RECORDS
        ):
            yield block
            block, held = [], 0
        held += source.row.records
        if block and block[-1].takes(first):
            block[-1].take(piece)
        else:
            block.append(piece)
    if block:
        yield block


def _segment(row: "RunRow") -> tuple[object, ...]:
    return (row.device, row.boot, row.stream, row.segment)


def _ends(group: Group, source: Source) -> tuple[Place, Place]:
    """Return the places of a run's first and last record, after holding all to its row."""
    row = source.row
    try:
        places = [place(frame(part)) for _, _, part in cut(source.data)]
    except Malformed as exc:
        raise _differs() from exc
    if not places or len(places) != row.records:
        raise _differs()
    first, last = places[0], places[-1]
    columns = (
        first.kind, first.person, first.device, first.boot, first.activity, first.stream,
        first.segment, first.batch, last.batch, first.day,
    )  # fmt: skip
    own = (
        row.kind, row.person, row.device, row.boot, row.activity, row.stream,
        row.segment, row.first_batch, row.last_batch, row.day,
    )  # fmt: skip
    is_one = all(after.follows(before) for before, after in pairwise(places))
    if columns != own or not is_one or group_of(row.kind, row.stream, row.person, row.day) != group:
        raise _differs()
    return first, last


def _differs() -> Malformed:
    return Malformed(
        "a source of a move is not what the index says: run overt-sink verify",
        reason="source_differs",
    )


def _placed(piece: _Piece, name: str, byte_from: int) -> "RunRow":
    return replace(
        piece.row, run=run_name(name, byte_from), object=name, byte_from=byte_from,
        byte_len=piece.size, superseded_ms=0,
    )  # fmt: skip


def _metadata(group: Group, records: int) -> dict[str, bytes]:
    return {
        "avro.schema": schema_json(),
        "avro.codec": b"null",
        "overt.person": group.person.encode(),
        "overt.day": group.day.encode(),
        "overt.class": group.class_.encode(),
        "overt.records": b"%d" % records,
    }
