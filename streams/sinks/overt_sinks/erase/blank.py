"""Blanks records of one person's day inside a hot object, so that nothing else in it moves. Pure.

A record keeps its length and its offset. Key, header values and value become zero bytes of the same
length; the time of its append and its schema id become the smallest number whose varint is as long.
Names of headers are of a bounded list and stay. The object's own hash is made anew. So all byte
ranges stay valid at every instant, before and after the object is put in place of the old one, and
blanking what is blanked changes nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass

from overt_schemas import codec
from overt_schemas.errors import Malformed
from overt_schemas.records import StoredPart
from overt_sinks import avro, own_hash
from overt_sinks.container import frame
from overt_sinks.placing import Place, place


@dataclass(frozen=True, slots=True, kw_only=True)
class Blanked:
    """An object after blanking.

    Attributes:
        records: how many records were blanked now.
    """

    data: bytes
    records: int


def blank(data: bytes, wanted: Callable[[Place], bool]) -> Blanked:
    """Return the object with every record blanked whose place is wanted.

    Raises:
        Malformed: it is no object of a sink, or not whole.
    """
    cursor = avro.Cursor(data)
    _, sync = cursor.header()
    header_size = cursor.at
    own_hash.check(data, header_size)
    fresh, count = bytearray(data), 0
    while cursor.at < len(data):
        records, _ = cursor.long(), cursor.long()
        for _ in range(records):
            fields = _fields(cursor)
            if not fields.is_blank(data) and wanted(fields.place(data)):
                fields.clear(fresh)
                count += 1
        if cursor.take(avro.SYNC_BYTES) != sync:
            raise Malformed("block does not end with the sync marker", reason="container")
    if count:
        own_hash.renewed(fresh, header_size)
    return Blanked(data=bytes(fresh), records=count)


def sources(data: bytes, at: int, size: int) -> list[tuple[str, int, int]]:
    """Return topic id, partition and offset of the records in a range; blanked ones have them too.

    Raises:
        Malformed: the range does not hold whole records.
    """
    cursor = avro.Cursor(data, at)
    found = []
    while cursor.at < at + size:
        fields = _fields(cursor)
        found.append((fields.topic_id, fields.partition, fields.offset))
    if cursor.at != at + size:
        raise Malformed("a run does not end with a record", reason="container")
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fields:
    """Where in an object the fields of one record stand.

    Attributes:
        texts: begin and end of key, header values and value.
        numbers: begin and end of the varints of ``append_ms`` and ``schema_id``.
    """

    start: int
    end: int
    topic_id: str
    partition: int
    offset: int
    texts: tuple[tuple[int, int], ...]
    numbers: tuple[tuple[int, int], ...]

    def is_blank(self, data: bytes) -> bool:
        """Whether nothing of the record is left; one that never held anything counts too."""
        return all(data.count(0, begin, end) == end - begin for begin, end in self.texts)

    def place(self, data: bytes) -> Place:
        """Return where the record belongs."""
        return place(frame(codec.unpack(StoredPart, data[self.start : self.end])))

    def clear(self, fresh: bytearray) -> None:
        """Blank the record."""
        for begin, end in self.texts:
            fresh[begin:end] = bytes(end - begin)
        for begin, end in self.numbers:
            fresh[begin:end] = _smallest(end - begin)


def _fields(cursor: avro.Cursor) -> _Fields:
    start = cursor.at
    try:
        topic_id = cursor.take(cursor.long()).decode("ascii")
    except UnicodeDecodeError as exc:
        raise Malformed("a record's topic id is none", reason="container") from exc
    partition, offset = cursor.long(), cursor.long()
    numbers = [_number(cursor)]
    texts = [_text(cursor)]
    while count := cursor.long():
        if count < 0:
            count = -count
            cursor.long()
        for _ in range(count):
            _text(cursor)
            texts.append(_text(cursor))
    numbers.append(_number(cursor))
    texts.append(_text(cursor))
    return _Fields(
        start=start, end=cursor.at, topic_id=topic_id, partition=partition, offset=offset,
        texts=tuple(texts), numbers=tuple(numbers),
    )  # fmt: skip


def _number(cursor: avro.Cursor) -> tuple[int, int]:
    begin = cursor.at
    cursor.long()
    return begin, cursor.at


def _text(cursor: avro.Cursor) -> tuple[int, int]:
    size = cursor.long()
    begin = cursor.at
    cursor.skip(size)
    return begin, cursor.at


def _smallest(size: int) -> bytes:
    """Return the varint of so many bytes that says the smallest number."""
    return avro.long(0 if size == 1 else 1 << (7 * (size - 1) - 1))
