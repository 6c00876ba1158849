"""Verify finds each thing that can be wrong with the chain, and nothing where all is well."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from overt_sinks.audit.findings import Kind
from overt_sinks.audit.report import Report, as_json, as_text
from tests.sinks.audit.kept import Kept, records
from tests.sinks.made import WHERE


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    made = Kept.make(f"sqlite:///{tmp_path}/index.db")
    yield made
    made.index.close()


def kinds(report: Report) -> list[tuple[Kind, int, int]]:
    return [(f.kind, f.first, f.last) for f in report.findings.kept]


def test_a_chain_that_is_well_is_clean(kept: Kept) -> None:
    report = kept.verify()

    assert kinds(report) == []
    assert (report.tally.objects, report.account.standing, report.account.set_aside) == (3, 29, 1)
    assert as_text(report).startswith("clean: 29 records in 3 objects of 1 partitions")


def test_an_object_that_a_dead_sink_left_behind_is_pending(kept: Kept) -> None:
    kept.add(30, 34, records(30, 34), indexed=False)

    report = kept.verify()

    assert (kinds(report), report.pending) == ([], 1)


def test_a_committed_offset_in_no_object_is_found(kept: Kept) -> None:
    assert kinds(kept.verify(committed=33)) == [(Kind.UNCOVERED, 30, 32)]


@pytest.mark.parametrize("quick", [False, True], ids=["full", "quick"])
def test_an_object_that_is_gone_is_found(kept: Kept, quick: bool) -> None:
    kept.delete(WHERE.object(10))

    assert kinds(kept.verify(quick=quick)) == [(Kind.MISSING, 10, 19)]


def test_an_object_with_one_changed_byte_is_found(kept: Kept) -> None:
    data = bytearray(kept.read(WHERE.object(10)))
    data[-40] ^= 1
    kept.put(WHERE.object(10), bytes(data))

    assert kinds(kept.verify()) == [(Kind.UNREADABLE, 10, 19)]


def test_an_object_that_was_exchanged_for_another_is_found(kept: Kept) -> None:
    kept.add(10, 19, records(10, 18), indexed=False)

    assert kinds(kept.verify()) == [
        (Kind.DIFFERS, 10, 19), (Kind.ROWS, 10, 19), (Kind.UNACCOUNTED, 10, 19)
    ]  # fmt: skip


def test_an_index_that_was_lost_is_found(kept: Kept) -> None:
    for table in ("runs", "objects", "links"):
        kept.sql(f"DELETE FROM {table}")  # noqa: S608

    assert kinds(kept.verify()) == [
        (Kind.UNCOVERED, 0, 29), (Kind.STRAY, 10, 10), (Kind.STRAY, 20, 20)
    ]  # fmt: skip


def test_a_hole_between_objects_is_found(kept: Kept) -> None:
    kept.sql("DELETE FROM runs WHERE object LIKE '%010.avro'")
    kept.sql("DELETE FROM objects WHERE object LIKE '%010.avro'")
    kept.sql("DELETE FROM links WHERE first_offset = 10")

    assert kinds(kept.verify()) == [(Kind.HOLE, 10, 19), (Kind.STRAY, 10, 10)]


def test_an_offset_in_two_objects_is_found(kept: Kept) -> None:
    kept.add(28, 35, records(28, 35))

    assert kinds(kept.verify()) == [(Kind.OVERLAP, 28, 29), (Kind.REPEATED, 28, 29)]


def test_an_offset_twice_in_one_object_is_found(kept: Kept) -> None:
    twice = records(30, 31)
    kept.add(30, 31, [twice[0], replace(twice[1], offset=30), twice[1]])

    assert kinds(kept.verify()) == [(Kind.REPEATED, 30, 30)]


def test_an_offset_that_is_nowhere_is_found(kept: Kept) -> None:
    kept.add(30, 32, [*records(30, 30), *records(32, 32)])

    assert kinds(kept.verify()) == [(Kind.UNACCOUNTED, 31, 31)]


def test_a_record_outside_of_its_objects_range_is_found(kept: Kept) -> None:
    kept.add(30, 31, [*records(30, 31), *records(99, 99)])

    assert kinds(kept.verify()) == [(Kind.DIFFERS, 30, 31), (Kind.UNLINKED, 99, 99)]


@pytest.mark.parametrize(
    "change",
    ["byte_len = byte_len + 1", "person = 'p-0000000000000000'", "last_batch = 99", "day = ''"],
)
def test_a_row_that_says_something_else_than_its_bytes_is_found(kept: Kept, change: str) -> None:
    kept.sql(f"UPDATE runs SET {change} WHERE object LIKE '%010.avro'")  # noqa: S608

    assert kinds(kept.verify()) == [(Kind.ROWS, 10, 19)]


def test_a_row_that_is_missing_leaves_its_offsets_nowhere(kept: Kept) -> None:
    kept.sql("DELETE FROM runs WHERE object LIKE '%010.avro'")

    assert kinds(kept.verify()) == [(Kind.UNACCOUNTED, 10, 19)]
    assert kinds(kept.verify(quick=True)) == [(Kind.SUMS, 30, 20)]


def test_what_the_start_up_probe_left_is_nobodys_business(kept: Kept) -> None:
    kept.put("probe/0123456789abcdef", b"overt")

    assert kinds(kept.verify()) == []


def test_findings_are_printed_for_people_and_for_programs(kept: Kept) -> None:
    report = kept.verify(committed=33)

    assert as_text(report).splitlines()[2] == (
        "partition 2, offsets 30 to 32: an offset was committed and no object covers it"
    )
    document = json.loads(as_json(report))
    assert (document["clean"], document["counts"]) == (False, {"uncovered": 1})
    assert document["findings"] == [
        {"kind": "uncovered", "partition": 2, "first": 30, "last": 32, "tier": "", "object": ""}
    ]
