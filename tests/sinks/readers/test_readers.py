"""What a sink stored, any Avro reader gives back as Kafka had it: every field, byte for byte."""

from collections.abc import Callable
from pathlib import Path

import pytest

from overt_schemas import codec
from overt_sinks import container
from overt_sinks.index.values import RunRow
from overt_sinks.naming import run_name
from overt_sinks.placing import place
from overt_sinks.taken import Taken
from overt_sinks.tiers import bundle
from overt_sinks.tiers.naming import Group, group_of, target
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
def test_every_reader_finds_in_a_warm_object_the_same_records(
    reader: Callable[[Path], list[Row]], tmp_path: Path
) -> None:
    records = _taken()
    built, data = container.build(WHERE, FIRST, LAST, records)
    expected = {row.offset: row for row in _expected(records)}
    found: list[Row] = []

    for group, sources in _packed(built, data).items():
        path = tmp_path / "warm.avro"
        path.write_bytes(bundle.build(target(group, "move"), group, sources)[1])
        found += reader(path)

    assert {row.offset: row for row in found} == expected
    assert len(found) == len(expected)


def _packed(built: container.Object, data: bytes) -> dict[Group, list[bundle.Source]]:
    """The runs of an object as the mover packs them: by person, day and class, in their order."""
    groups: dict[Group, list[bundle.Source]] = {}
    for at, run in enumerate(built.runs):
        first = run.first
        row = RunRow(
            run=run_name(built.name, run.byte_from), object=built.name, byte_from=run.byte_from,
            byte_len=run.byte_len, records=run.records, kind=first.kind, person=first.person,
            device=first.device, boot=first.boot, activity=first.activity, stream=first.stream,
            segment=first.segment, first_batch=first.batch, last_batch=run.last_batch,
            day=first.day, seen=at, superseded_ms=0,
        )  # fmt: skip
        held = data[run.byte_from : run.byte_from + run.byte_len]
        group = group_of(row.kind, row.stream, row.person, row.day)
        groups.setdefault(group, []).append(bundle.Source(row=row, data=held))
    for sources in groups.values():
        sources.sort(key=lambda source: bundle.order(source.row))
    return groups


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.__name__)
def test_every_reader_reads_an_object_in_which_everything_was_set_aside(
    reader: Callable[[Path], list[Row]], tmp_path: Path
) -> None:
    path = tmp_path / "object.avro"
    path.write_bytes(container.build(WHERE, 0, 1, [aside(0), aside(1)])[1])

    assert reader(path) == []
