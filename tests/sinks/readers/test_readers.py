"""What a sink stored, any Avro reader gives back as Kafka had it: every field, byte for byte."""

from collections.abc import Callable
from pathlib import Path

import pytest

from overt_schemas import codec
from overt_sinks import container
from overt_sinks.placing import place
from overt_sinks.taken import Taken
from tests.sinks.made import TOPIC_ID, WHERE, Segments, aside, notice
from tests.sinks.readers.readers import READERS, Row

pytestmark = pytest.mark.timeout(300)  # the jar and the wheels come once

FIRST, LAST = 5, 170
SET_ASIDE = (9, 20, LAST)
# Nothing, everything a byte can be, and text that is no ASCII.
KEYS = (b"", bytes(range(256)), b"device")
HEADERS = ((), (("trace", b"\x00\xff"),), (("a", b""), ("a", b"again"), ("ä ", b"\n\r\x85")))


def _values() -> list[bytes]:
    one, two = Segments(), Segments(device=bytes(16), person="p-fedcba9876543210")
    values = []
    for at in range(FIRST, LAST + 1):
        if at % 41 == 0:
            one.next_segment()
        match at % 9:
            case 0:
                values.append(one.tombstone())
            case 1:
                values.append(two.withheld())
            case 2:
                values.append(notice())
            case 3:
                values.append(two.boot_end())
            case _:
                values.append((one if at % 2 else two).part(size=at * 7))
    return values


def _taken() -> list[Taken]:
    return [
        aside(at)
        if at in SET_ASIDE
        else Taken(
            offset=at,
            append_ms=-1 if at == FIRST else 1_764_000_000_000 + at,
            key=KEYS[at % 3],
            headers=HEADERS[at % 7 % 3],
            value=value,
            place=place(value),
        )
        for at, value in enumerate(_values(), FIRST)
    ]


def _expected(records: list[Taken]) -> list[Row]:
    return [
        Row(
            topic_id=TOPIC_ID, partition=WHERE.number, offset=record.offset,
            append_ms=record.append_ms, key=record.key, headers=record.headers,
            schema_id=codec.schema_of(record.value).id,
            value=record.value[codec.FRAME_BYTES :],
        )
        for record in records
        if record.place is not None
    ]  # fmt: skip


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.__name__)
def test_every_reader_finds_every_record_as_kafka_had_it(
    reader: Callable[[Path], list[Row]], tmp_path: Path
) -> None:
    records = _taken()
    path = tmp_path / "object.avro"
    path.write_bytes(container.build(WHERE, FIRST, LAST, records)[1])

    found = reader(path)

    assert len({row.schema_id for row in found}) == 2
    assert found == _expected(records)
    # The Kafka value is its frame and what the object holds: nothing was encoded anew.
    assert [b"\0" + row.schema_id.to_bytes(4) + row.value for row in found] == [
        record.value for record in records if record.place is not None
    ]


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.__name__)
def test_every_reader_reads_an_object_in_which_everything_was_set_aside(
    reader: Callable[[Path], list[Row]], tmp_path: Path
) -> None:
    path = tmp_path / "object.avro"
    path.write_bytes(container.build(WHERE, 0, 1, [aside(0), aside(1)])[1])

    assert reader(path) == []
