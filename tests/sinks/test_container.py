"""Objects: any Avro reader reads them, and each byte range is exactly its records."""

import hashlib
import io
from dataclasses import replace

import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from overt_schemas.errors import Malformed
from overt_schemas.records import StoredPart
from overt_sinks import avro, container
from overt_sinks.taken import Taken
from tests.sinks.made import WHERE, Segments, aside, notice, taken

DEVICE = Segments()


def _mixed(count: int) -> list[Taken]:
    one, two = Segments(), Segments(device=bytes(16), person="p-fedcba9876543210")
    records = []
    for offset in range(10, 10 + count):
        who = two if offset % 7 == 0 else one
        if offset % 41 == 0:
            one.next_segment()
        value = who.tombstone() if offset % 13 == 0 else who.part(size=50 + offset)
        records.append(taken(offset, value))
    return records


def test_fastavro_reads_an_object_and_finds_every_record_as_kafka_had_it() -> None:
    records = _mixed(150)

    built, data = container.build(WHERE, 10, 159, records)

    rows = list(fastavro.reader(io.BytesIO(data)))
    assert [row["offset"] for row in rows] == list(range(10, 160))
    assert [b"\0" + row["schema_id"].to_bytes(4, "big") + row["value"] for row in rows] == [
        r.value for r in records
    ]
    assert rows[0]["key"] == records[0].key
    assert rows[0]["headers"] == [{"name": "trace", "value": b"\x00\x01"}]
    assert rows[0]["append_ms"] == records[0].append_ms
    assert built.records == 150


def test_no_block_holds_more_than_64_records() -> None:
    _, data = container.build(WHERE, 10, 159, _mixed(150))

    assert [b.num_records for b in fastavro.block_reader(io.BytesIO(data))] == [64, 64, 22]


def test_the_byte_range_of_each_run_is_its_records_and_nothing_else() -> None:
    built, data = container.build(WHERE, 10, 159, _mixed(150))

    cut = [container.read_run(data[r.byte_from : r.byte_from + r.byte_len]) for r in built.runs]

    assert [len(parts) for parts in cut] == [run.records for run in built.runs]
    assert [p.offset for parts in cut for p in parts] == list(range(10, 160))


def test_what_is_read_back_is_what_was_built() -> None:
    built, data = container.build(WHERE, 8, 159, [aside(9), *_mixed(150)])

    found, parts = container.read(data)

    assert found == built
    assert (found.first, found.last, found.set_aside) == (8, 159, (9,))
    assert all(isinstance(part, StoredPart) for part in parts)


@pytest.mark.parametrize(
    ("first", "last", "offsets"),
    [(8, 9, (8, 12)), (8, 9, (7, 8)), (8, 9, (9, 8)), (8, 9, (8, 8))],
    ids=["beyond its range", "before its range", "out of order", "twice"],
)
def test_an_object_whose_records_are_not_those_of_its_range_is_not_adopted(
    first: int, last: int, offsets: tuple[int, ...]
) -> None:
    device = Segments()
    _, data = container.build(WHERE, first, last, [taken(n, device.part()) for n in offsets])

    with pytest.raises(Malformed):
        container.adopt(data)


def test_an_object_with_another_partitions_record_is_not_adopted() -> None:
    other = replace(WHERE, number=3)
    _, ours = container.build(WHERE, 8, 8, [taken(8, DEVICE.part())])
    _, theirs = container.build(other, 8, 8, [taken(8, DEVICE.part())])

    with pytest.raises(Malformed):
        container.adopt(_with_body_of(ours, theirs))


def _with_body_of(ours: bytes, theirs: bytes) -> bytes:
    """Return our header, its hash made right, over their records."""
    cursor, other = avro.Cursor(ours), avro.Cursor(theirs)
    _, sync = cursor.header()
    other.header()
    at = cursor.at - avro.SYNC_BYTES - 1 - 64
    body = theirs[other.at : -avro.SYNC_BYTES] + sync
    blank = ours[:at] + b"0" * 64 + ours[at + 64 : cursor.at] + body
    digest = hashlib.sha256(blank).hexdigest().encode()
    return blank[:at] + digest + blank[at + 64 :]


def test_an_object_may_hold_nothing_but_a_range() -> None:
    built, data = container.build(WHERE, 5, 6, [aside(5), aside(6)])

    assert container.read(data) == (built, [])
    assert list(fastavro.reader(io.BytesIO(data))) == []


def test_a_run_is_one_segment_and_rising_batches() -> None:
    device = Segments()
    values = [device.part(), device.part(), device.tombstone(), device.part()]
    device.next_segment()
    values += [device.part(), notice(), device.boot_end()]

    built, _ = container.build(WHERE, 0, 6, [taken(n, v) for n, v in enumerate(values)])

    rows = [(r.first.kind, r.first.segment, r.first.batch, r.last_batch) for r in built.runs]
    assert rows == [
        ("part", 0, 0, 1),
        ("tombstone", 0, 2, 2),
        ("part", 0, 3, 3),
        ("part", 1, 4, 4),
        ("notice", -1, -1, -1),
        ("boot_end", -1, -1, -1),
    ]


def test_a_batch_that_comes_twice_begins_another_run() -> None:
    device = Segments()
    value = device.part()

    built, _ = container.build(WHERE, 0, 1, [taken(0, value), taken(1, value)])

    assert [(r.first.batch, r.last_batch) for r in built.runs] == [(0, 0), (0, 0)]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_single_broken_byte_is_noticed(data: st.DataObject) -> None:
    _, whole = container.build(WHERE, 10, 19, _mixed(10))
    at = data.draw(st.integers(0, len(whole) - 1))
    broken = whole[:at] + bytes([whole[at] ^ data.draw(st.integers(1, 255))]) + whole[at + 1 :]

    with pytest.raises(Malformed):
        container.read(broken)


@pytest.mark.parametrize("size", [0, 3, 40, 2000])
def test_a_cut_object_is_refused(size: int) -> None:
    _, whole = container.build(WHERE, 10, 19, _mixed(10))

    with pytest.raises(Malformed):
        container.read(whole[:size])
