"""Blanking keeps every length and every other byte, and is known again."""

import io

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from overt_schemas.errors import Malformed
from overt_sinks import avro, container
from overt_sinks.erase.blank import _smallest, blank, sources
from tests.sinks.made import WHERE, Segments, taken

OTHER = "p-000000000000000b"
ONE = Segments(person="p-000000000000000a")
TWO = Segments(device=b"d" * 16, person=OTHER)
MADE, DATA = container.build(
    WHERE, 10, 17, [taken(10 + n, (ONE if n % 3 else TWO).part(50 + 90 * n)) for n in range(8)]
)


def test_others_keep_every_byte_and_every_range() -> None:
    blanked = blank(DATA, lambda place: place.person != OTHER)

    assert blanked.records == 5
    assert len(blanked.data) == len(DATA)
    for run in MADE.runs:
        cut = slice(run.byte_from, run.byte_from + run.byte_len)
        assert (blanked.data[cut] == DATA[cut]) is (run.first.person == OTHER)


def test_nothing_of_a_record_is_left_but_where_it_stood() -> None:
    blanked = blank(DATA, lambda place: place.person != OTHER)

    records = list(fastavro.reader(io.BytesIO(blanked.data)))
    assert [record["offset"] for record in records] == list(range(10, 18))
    for record, before in zip(records, fastavro.reader(io.BytesIO(DATA)), strict=True):
        if record != before:
            assert not any(record["key"] + record["value"] + record["headers"][0]["value"])
            assert len(record["value"]) == len(before["value"])
            assert (record["schema_id"], record["append_ms"]) == (0, 1 << 34)
        else:
            assert before["offset"] % 3 == 1


def test_blanking_again_changes_nothing() -> None:
    once = blank(DATA, lambda _place: True)

    again = blank(once.data, lambda _place: True)

    assert (again.records, again.data) == (0, once.data)


def test_the_offsets_of_a_blanked_run_are_still_known() -> None:
    run = MADE.runs[1]
    before = sources(DATA, run.byte_from, run.byte_len)

    data = blank(DATA, lambda _place: True).data

    assert sources(data, run.byte_from, run.byte_len) == before


def test_an_object_that_is_not_whole_is_not_touched() -> None:
    with pytest.raises(Malformed):
        blank(DATA[:-1] + b"x", lambda _place: True)


@given(st.integers(1, 10))
def test_the_smallest_number_of_a_length_is_of_that_length(size: int) -> None:
    assert len(_smallest(size)) == size
    number = avro.Cursor(_smallest(size)).long()
    assert number == 0 or len(avro.long(number - 1)) == size - 1
