"""Verify finds each thing that can be wrong, and nothing where all is well."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import obstore
import obstore.store
import pytest
import sqlalchemy as sa

from overt_sinks import container
from overt_sinks.audit.findings import Kind
from overt_sinks.audit.report import as_json, as_text
from overt_sinks.audit.verify import Report, check
from overt_sinks.index import Index
from overt_sinks.stores.store import Store
from overt_sinks.taken import Taken
from tests.sinks.made import WHERE, Segments, aside, taken


@dataclass
class Kept:
    """A chain of three objects, [0, 9] [10, 19] [20, 29], stored and indexed."""

    index: Index
    backend: obstore.store.MemoryStore
    url: str

    def add(self, first: int, last: int, records: list[Taken], *, indexed: bool = True) -> None:
        built, data = container.build(WHERE, first, last, records)
        obstore.put(self.backend, built.name, data)
        if indexed:
            self.index.insert(built, 0)

    def sql(self, statement: str) -> None:
        engine = sa.create_engine(self.url)
        with engine.begin() as db:
            db.execute(sa.text(statement))
        engine.dispose()

    def verify(self, committed: int = 30) -> Report:
        report = Report()
        bucket = Store(self.backend)
        check(self.index, bucket, WHERE.topic, {WHERE: committed}, report)
        return report


def _records(first: int, last: int) -> list[Taken]:
    device = Segments(batch=first)
    return [taken(n, device.part(size=20)) for n in range(first, last + 1)]


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    url = f"sqlite:///{tmp_path}/index.db"
    index = Index(url)
    index.create()
    made = Kept(index, obstore.store.MemoryStore(), url)
    for first in (0, 10):
        made.add(first, first + 9, _records(first, first + 9))
    made.add(20, 29, [aside(20), *_records(21, 29)])
    yield made
    index.close()


def _kinds(report: Report) -> list[tuple[Kind, int, int]]:
    return [(f.kind, f.first, f.last) for f in report.findings]


def test_a_chain_that_is_well_is_clean(kept: Kept) -> None:
    report = kept.verify()

    assert report.findings == []
    assert (report.objects, report.records, report.set_aside) == (3, 29, 1)
    assert as_text(report).startswith("clean: 29 records in 3 objects of 1 partitions")


def test_an_object_that_a_dead_sink_left_behind_is_pending(kept: Kept) -> None:
    kept.add(30, 34, _records(30, 34), indexed=False)

    report = kept.verify()

    assert (report.findings, report.pending) == ([], 1)


def test_a_committed_offset_in_no_object_is_found(kept: Kept) -> None:
    assert _kinds(kept.verify(committed=33)) == [(Kind.UNCOVERED, 30, 32)]


def test_an_object_that_is_gone_is_found(kept: Kept) -> None:
    obstore.delete(kept.backend, WHERE.object(10))

    assert _kinds(kept.verify()) == [(Kind.MISSING, 10, 19)]


def test_an_object_with_one_changed_byte_is_found(kept: Kept) -> None:
    data = bytearray(obstore.get(kept.backend, WHERE.object(10)).bytes())
    data[-40] ^= 1
    obstore.put(kept.backend, WHERE.object(10), bytes(data))

    assert _kinds(kept.verify()) == [(Kind.UNREADABLE, 10, 19)]


def test_an_object_that_was_exchanged_for_another_is_found(kept: Kept) -> None:
    kept.add(10, 19, _records(10, 18), indexed=False)

    assert _kinds(kept.verify()) == [
        (Kind.DIFFERS, 10, 19), (Kind.UNACCOUNTED, 10, 19), (Kind.ROWS, 10, 19)
    ]  # fmt: skip


def test_an_index_that_was_lost_is_found(kept: Kept) -> None:
    kept.sql("DELETE FROM runs")
    kept.sql("DELETE FROM objects")
    kept.sql("DELETE FROM links")

    assert _kinds(kept.verify()) == [
        (Kind.UNCOVERED, 0, 29), (Kind.STRAY, 10, 10), (Kind.STRAY, 20, 20)
    ]  # fmt: skip


def test_a_hole_between_objects_is_found(kept: Kept) -> None:
    kept.sql("DELETE FROM runs WHERE object LIKE '%010.avro'")
    kept.sql("DELETE FROM objects WHERE object LIKE '%010.avro'")
    kept.sql("DELETE FROM links WHERE first_offset = 10")

    assert _kinds(kept.verify()) == [(Kind.HOLE, 10, 19), (Kind.STRAY, 10, 10)]


def test_an_offset_in_two_objects_is_found(kept: Kept) -> None:
    kept.add(28, 35, _records(28, 35))

    assert (Kind.OVERLAP, 28, 29) in _kinds(kept.verify())


def test_an_offset_twice_in_one_object_is_found(kept: Kept) -> None:
    twice = _records(30, 31)
    kept.add(30, 31, [twice[0], replace(twice[1], offset=30), twice[1]])

    assert _kinds(kept.verify()) == [(Kind.REPEATED, 30, 31)]


def test_an_offset_that_is_nowhere_is_found(kept: Kept) -> None:
    kept.add(30, 32, [*_records(30, 30), *_records(32, 32)])

    assert _kinds(kept.verify()) == [(Kind.UNACCOUNTED, 30, 32)]


def test_a_row_that_points_at_other_bytes_is_found(kept: Kept) -> None:
    kept.sql("UPDATE runs SET byte_len = byte_len + 1 WHERE object LIKE '%010.avro'")

    assert _kinds(kept.verify()) == [(Kind.ROWS, 10, 19)]


def test_a_row_that_names_another_person_is_found(kept: Kept) -> None:
    kept.sql("UPDATE runs SET person = 'p-0000000000000000' WHERE object LIKE '%010.avro'")

    assert _kinds(kept.verify()) == [(Kind.ROWS, 10, 19)]


def test_findings_are_printed_for_people_and_for_programs(kept: Kept) -> None:
    report = kept.verify(committed=33)

    assert as_text(report).splitlines()[1] == (
        "partition 2, offsets 30 to 32: an offset was committed and no object covers it"
    )
    assert '{"kind": "uncovered", "partition": 2, "first": 30, "last": 32}' in as_json(report)
