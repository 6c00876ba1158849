"""Objects: Avro containers of ``StoredPart``, built from Kafka records without opening them.

Each record is an encoded prefix (where it came from) followed by the Kafka value less its 5-byte
frame, so any Avro reader reads the file and no record is encoded anew. Codec null, no map in the
schema, blocks of at most 64 records. Metadata besides Avro's own, all decimal or plain text:

``overt.topic`` ``overt.topic_id`` ``overt.partition``  whose records
``overt.first_offset`` ``overt.last_offset``  the range the object covers, both ends in it
``overt.records``    how many it holds
``overt.set_aside``  offsets, joined by commas, that went to the dead letters instead
``overt.sha256``     the last: of the whole object, with these 64 digits as zeros

The range begins where the object before ended, whether or not a record stands at that offset. The
bytes are a function of range and records: two workers that cut alike build the same object. Pure.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache

from overt_schemas import codec
from overt_schemas.catalogue import schema
from overt_schemas.errors import Malformed
from overt_schemas.records import StoredPart
from overt_sinks import avro, own_hash
from overt_sinks.covers import Covers, covered, number
from overt_sinks.naming import Partition
from overt_sinks.placing import Place, place
from overt_sinks.runs import Datum, Run, runs_of
from overt_sinks.taken import Taken

BLOCK_RECORDS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Object:
    """An object as the index knows it, whether it was built here or read back.

    Attributes:
        records: how many it holds, blanked ones too.
        blanked: offsets whose records were erased in place; no run holds one.
    """

    partition: Partition
    first: int
    last: int
    records: int
    set_aside: tuple[int, ...]
    size: int
    sha256: str
    runs: tuple[Run, ...]
    blanked: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        """The object's name in the store."""
        return self.partition.object(self.first)


def build(
    partition: Partition, first: int, last: int, records: Sequence[Taken]
) -> tuple[Object, bytes]:
    """Return the object that covers [first, last], and its bytes."""
    aside = tuple(r.offset for r in records if r.place is None)
    sync = _sync(partition.object(first), last)
    placed = [(r, r.place) for r in records if r.place is not None]
    metadata = {
        "avro.schema": schema_json(),
        "avro.codec": b"null",
        "overt.topic": partition.topic.encode(),
        "overt.topic_id": partition.topic_id.encode(),
        "overt.partition": b"%d" % partition.number,
        "overt.first_offset": b"%d" % first,
        "overt.last_offset": b"%d" % last,
        "overt.records": b"%d" % len(placed),
        "overt.set_aside": ",".join(map(str, aside)).encode(),
    }
    body = _Body(sync=sync, size=own_hash.header_size(metadata, sync))
    for at in range(0, len(placed), BLOCK_RECORDS):
        body.add_block(partition, placed[at : at + BLOCK_RECORDS])
    data = own_hash.joined(own_hash.header(metadata, sync, body.pieces), body.pieces)
    runs = runs_of(body.datums)
    return _object(Covers(partition, first, last, aside), data, len(placed), runs), data


def read(data: bytes) -> tuple[Object, list[StoredPart]]:
    """Return what an object holds, after checking it against its own hash.

    Blanked records are passed over: they are in no run, and only their offsets are told.

    Raises:
        Malformed: it is no object of a sink, or not whole.
    """
    found, parts = _read(data)
    return found, [part for part in parts if not is_blank(part)]


def adopt(data: bytes) -> Object:
    """Return an object of another worker, after holding its records to its range.

    Who adopts it passes over all of the range and indexes what it holds.

    Raises:
        Malformed: it is no object of a sink, not whole, or holds what its range does not.
    """
    found, parts = _read(data)
    at = found.first
    for part in parts:
        if (part.topic_id, part.partition) != (found.partition.topic_id, found.partition.number):
            raise Malformed("object holds another partition's record", reason="container")
        if not at <= part.offset <= found.last:
            raise Malformed("object holds a record out of its range", reason="container")
        at = part.offset + 1
    return found


def is_blank(part: StoredPart) -> bool:
    """Whether nothing of a record is left, because its person's day was erased."""
    return not any((any(part.key), any(part.value), *(any(h.value) for h in part.headers)))


def _read(data: bytes) -> tuple[Object, list[StoredPart]]:
    cursor = avro.Cursor(data)
    metadata, sync = cursor.header()
    own_hash.check(data, cursor.at)
    parts: list[StoredPart] = []
    blanked: list[int] = []
    stretches: list[list[Datum]] = [[]]
    block = 0
    while cursor.at < len(data):
        count, _ = cursor.long(), cursor.long()
        for _ in range(count):
            start = cursor.at
            part = _next_part(cursor)
            parts.append(part)
            if is_blank(part):
                blanked.append(part.offset)
                stretches.append([])  # a run is a stretch of bytes, and what is blank is in none
            else:
                stretches[-1].append(_datum(block, start, cursor.at, part))
        if cursor.take(avro.SYNC_BYTES) != sync:
            raise Malformed("block does not end with the sync marker", reason="container")
        block += 1
    if len(parts) != number(metadata, "records"):
        raise Malformed("object holds another number of records than it says", reason="container")
    runs = tuple(run for stretch in stretches for run in runs_of(stretch))
    found = _object(covered(metadata), data, len(parts), runs)
    return replace(found, blanked=tuple(blanked)), parts


def read_run(data: bytes) -> list[StoredPart]:
    """Return the records of one run's bytes, as cut out of an object.

    Raises:
        Malformed: the bytes are not whole records.
    """
    return [part for _, _, part in cut(data)]


def cut(data: bytes) -> Iterator[tuple[int, int, StoredPart]]:
    """Yield the records of one run's bytes, and where each begins and ends in them.

    Raises:
        Malformed: the bytes are not whole records.
    """
    cursor = avro.Cursor(data)
    while cursor.at < len(data):
        start = cursor.at
        part = _next_part(cursor)
        yield start, cursor.at, part


def count(data: bytes) -> int:
    """Return how many records a run's bytes hold.

    Raises:
        Malformed: the bytes are not whole records.
    """
    cursor, found = avro.Cursor(data), 0
    while cursor.at < len(data):
        _pass_part(cursor)
        found += 1
    return found


def frame(part: StoredPart) -> bytes:
    """Return the Kafka value of a stored record, byte for byte."""
    return b"\0" + part.schema_id.to_bytes(4, "big") + part.value


@dataclass(slots=True)
class _Body:
    """What follows the header while it is being built; ``size`` counts the header, too."""

    sync: bytes
    pieces: list[bytes | memoryview] = field(default_factory=list)
    datums: list[Datum] = field(default_factory=list)
    blocks: int = 0
    size: int = 0

    def add_block(self, partition: Partition, records: Sequence[tuple[Taken, Place]]) -> None:
        """Append one block of ``records``."""
        head = _head(partition.topic_id, partition.number)
        encoded = [_encode(head, taken) for taken, _ in records]
        sizes = [len(prefix) + len(value) for prefix, value in encoded]
        opening = avro.long(len(records)) + avro.long(sum(sizes))
        self.pieces.append(opening)
        at = self.size + len(opening)
        for (prefix, value), size, (_, where) in zip(encoded, sizes, records, strict=True):
            self.pieces += (prefix, value)
            self.datums.append(Datum(block=self.blocks, byte_from=at, byte_len=size, place=where))
            at += size
        self.pieces.append(self.sync)
        self.size, self.blocks = at + len(self.sync), self.blocks + 1


@lru_cache
def _head(topic_id: str, partition: int) -> bytes:
    """Return the first fields of every record of a partition."""
    return avro.text(topic_id.encode()) + avro.long(partition)


def _encode(head: bytes, taken: Taken) -> tuple[bytes, memoryview]:
    """Return prefix and value of a record, whose value is a view on what Kafka gave.

    By hand, since the fields are few and every byte of every part passes here; a test holds it
    equal to the codec.
    """
    value = memoryview(taken.value)[codec.FRAME_BYTES :]
    headers = b"\0"
    if taken.headers:
        entries = (avro.text(name.encode()) + avro.text(data) for name, data in taken.headers)
        headers = b"".join((avro.long(len(taken.headers)), *entries, b"\0"))
    schema_id = codec.schema_of(taken.value).id
    prefix = (
        head, avro.long(taken.offset), avro.long(taken.append_ms), avro.text(taken.key), headers,
        avro.long(schema_id), avro.long(len(value)),
    )  # fmt: skip
    return b"".join(prefix), value


def _next_part(cursor: avro.Cursor) -> StoredPart:
    """Return the record that stands here; it is self-delimiting."""
    start = cursor.at
    _pass_part(cursor)
    return codec.unpack(StoredPart, cursor.data[start : cursor.at])


def _pass_part(cursor: avro.Cursor) -> None:
    """Go to the end of the record that stands here."""
    cursor.skip(cursor.long())  # topic_id
    for _ in ("partition", "offset", "append_ms"):
        cursor.long()
    cursor.skip(cursor.long())  # key
    while count := cursor.long():
        if count < 0:
            count = -count
            cursor.long()
        for _ in range(count):
            cursor.skip(cursor.long())
            cursor.skip(cursor.long())
    cursor.long()  # schema_id
    cursor.skip(cursor.long())  # value


def _datum(block: int, start: int, end: int, part: StoredPart) -> Datum:
    where = place(frame(part))
    return Datum(block=block, byte_from=start, byte_len=end - start, place=where)


def _object(covers: Covers, data: bytes, records: int, runs: tuple[Run, ...]) -> Object:
    return Object(
        partition=covers.partition, first=covers.first, last=covers.last, records=records,
        set_aside=covers.aside, size=len(data), sha256=hashlib.sha256(data).hexdigest(), runs=runs,
    )  # fmt: skip


def _sync(name: str, last: int) -> bytes:
    return hashlib.sha256(f"overt sync v1 {name} {last}".encode()).digest()[: avro.SYNC_BYTES]


@cache
def schema_json() -> bytes:
    """Return the schema that stands in every object."""
    return json.dumps(schema("StoredPart").json, separators=(",", ":")).encode()
