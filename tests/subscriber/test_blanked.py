"""What the eraser leaves of a record is known for that by a reader, and nothing else is."""

from dataclasses import replace

import pytest

from overt_schemas.records import StoredPart
from overt_sinks import container
from overt_sinks.erase.blank import blank
from overt_subscriber.stored import is_blank, split
from tests.sinks import made


def test_records_that_the_eraser_blanked_are_known_and_their_neighbours_are_as_they_were() -> None:
    goes, stays = made.Segments(person="p-goes"), made.Segments(person="p-stays")
    taken = [
        made.taken(at, source.part() if at % 5 else source.tombstone())
        for at, source in enumerate([goes, goes, stays, goes, stays] * 4)
    ]
    stored, data = container.build(made.WHERE, 0, 19, taken)

    after = blank(data, lambda place: place.person == "p-goes").data

    assert len(after) == len(data)
    for run in stored.runs:
        old, new = (
            list(split(memoryview(d)[run.byte_from : run.byte_from + run.byte_len], run.records))
            for d in (data, after)
        )
        assert [is_blank(r) for r in old if isinstance(r, StoredPart)] == [False] * run.records
        if run.first.person == "p-goes":
            assert [is_blank(r) for r in new if isinstance(r, StoredPart)] == [True] * run.records
        else:
            assert new == old


@pytest.mark.parametrize(
    "change",
    [{"schema_id": 3}, {"key": b"\x00\x01"}, {"value": b"\x00" * 99 + b"\x01"}, {"value": b""}],
    ids=["schema", "key", "last-byte", "empty"],
)
def test_a_record_that_only_looks_like_it_is_not_taken_for_erased(
    change: dict[str, object],
) -> None:
    blanked = StoredPart(
        topic_id="t", partition=0, offset=1, append_ms=64, key=bytes(16), headers=(), schema_id=0,
        value=bytes(100),
    )  # fmt: skip

    assert is_blank(blanked)
    assert not is_blank(replace(blanked, **change))  # type: ignore[arg-type]
