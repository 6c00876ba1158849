"""A sink that hung while a day was erased finds the blanked object, and goes on."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from overt_schemas.errors import Permanent
from overt_schemas.testing import FakeClock
from overt_sinks.audit.report import Report
from overt_sinks.audit.verify import check
from overt_sinks.erase.day import Eraser
from overt_sinks.erase.rows import PersonDay
from overt_sinks.index import Index
from overt_sinks.rolling import Write
from overt_sinks.stores.store import Store
from overt_sinks.taken import Taken
from overt_sinks.testing import KeptLetters
from overt_sinks.writer import Job, Outcome, Tenure, Writer
from tests.conformance.postgres import postgres_url
from tests.sinks.made import DAY, WHERE, taken
from tests.sinks.tiers.world import PEOPLE, World, device, memory

__all__ = ["postgres_url"]
AT = replace(WHERE, number=0)


@pytest.fixture(params=["sqlite", "postgres"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    is_embedded = request.param == "sqlite"
    url = f"sqlite:///{tmp_path}/i.db" if is_embedded else request.getfixturevalue("postgres_url")
    index = Index(url)
    index.create()
    yield World(index=index, buckets=memory())
    index.close()


def _log() -> list[Taken]:
    """Two parts of a segment of the one who stays around one of the one who goes."""
    stays, goes = device(2, PEOPLE[1]), device(1, PEOPLE[0])
    values = [goes.part(), stays.part(), goes.part(), goes.boot_end(), stays.part(), stays.part()]
    return [taken(n, value) for n, value in enumerate(values)]


def _sink(world: World, index: Index, last: int) -> Outcome:
    bucket = world.buckets["hot"]
    assert isinstance(bucket, Store)
    writer = Writer(bucket, index, KeptLetters(), FakeClock())
    write = Write(partition=0, first=0, last=last, records=tuple(_LOG[: last + 1]))
    return writer.run(Job(partition=AT, write=write, tenure=Tenure()))


_LOG = _log()


@pytest.fixture
def blanked(world: World) -> World:
    assert _sink(world, world.index, 5).error is None
    world.ends[0] = 6
    whose = PersonDay(person=PEOPLE[0], day=DAY)
    Eraser(world.index, world.buckets, world.clock, whose).run(lambda _d, _t: None)
    assert sorted(world.gone()) == [(0, 0), (0, 2), (0, 3)]
    return world


def test_a_sink_that_hung_goes_on_behind_the_blanked_object(blanked: World) -> None:
    before = blanked.runs()

    for last in (5, 2):  # whatever it would have cut
        outcome = _sink(blanked, blanked.index, last)

        assert outcome.error is None
        assert outcome.done is not None
        assert (outcome.done.next, outcome.done.adopted) == (6, True)
    assert blanked.runs() == before
    blanked.check()


def test_to_an_index_that_was_lost_it_is_no_content(blanked: World, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    lost = World.fresh(tmp_path / "new", blanked.buckets)
    lost.ends = blanked.ends

    assert _sink(lost, lost.index, 5).error is None

    assert [replace(run, seen=0) for run in lost.runs()] == [
        replace(run, seen=0) for run in blanked.runs()
    ]
    assert set(lost.gone().values()) == {"erased"}
    lost.check()
    report, stores = Report(), {t: b for t, b in lost.buckets.items() if isinstance(b, Store)}
    check(lost.index, stores, lost.committed(), report)
    assert report.account.findings.kept == []


def test_another_range_under_the_name_is_still_a_finding(blanked: World) -> None:
    outcome = _sink(blanked, blanked.index, 5)
    assert outcome.done is not None

    for change in ({"last": 6}, {"records": 5}, {"set_aside": (1,)}):
        with pytest.raises(Permanent) as refused:
            blanked.index.insert(replace(outcome.done.object, **change), 1)
        assert refused.value.reason == "index_differs"
