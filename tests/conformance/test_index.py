"""Every database an index may lie in keeps the same words."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from overt_schemas.errors import Permanent, Transient
from overt_sinks.index import Index
from tests.conformance.postgres import postgres_url
from tests.sinks.index.rows import has_runs
from tests.sinks.index.rows import stored as an_object
from tests.sinks.made import TOPIC_ID, WHERE

__all__ = ["postgres_url"]


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgres":
        found: str = request.getfixturevalue("postgres_url")
        return found
    return f"sqlite:///{tmp_path}/index/index.db"


@pytest.fixture
def index(url: str) -> Iterator[Index]:
    made = Index(url)
    made.create()
    yield made
    made.close()


def test_an_object_is_there_with_its_runs(index: Index) -> None:
    stored = an_object(0, 4)

    assert index.insert(stored, 1000)

    (row,) = index.links()
    assert (row.object, row.sha256) == (stored.name, stored.sha256)
    assert (row.topic_id, row.kafka_part, row.first_offset, row.last_offset) == (TOPIC_ID, 2, 0, 4)
    assert (row.records, row.bytes) == (5, stored.size)
    assert has_runs(index, stored)


def test_an_object_that_is_there_changes_nothing(index: Index) -> None:
    stored = an_object(0, 4)
    index.insert(stored, 1000)
    before = index.runs(stored.name)

    assert not index.insert(stored, 2000)

    assert index.runs(stored.name) == before


def test_another_object_of_the_same_range_is_refused(index: Index) -> None:
    index.insert(an_object(0, 4), 1000)

    with pytest.raises(Permanent) as refused:
        index.insert(replace(an_object(0, 4), sha256="0" * 64), 1000)

    assert refused.value.reason == "index_differs"


def test_the_last_offset_is_that_of_the_partition_and_the_topics_incarnation(
    index: Index,
) -> None:
    index.insert(an_object(0, 4), 1000)
    index.insert(an_object(5, 9), 1000)

    assert index.last_offset(WHERE) == 9
    assert index.last_offset(replace(WHERE, number=0)) is None
    assert index.last_offset(replace(WHERE, topic_id="B" * 22)) is None


def test_seen_rises_and_is_never_used_again(index: Index, url: str) -> None:
    first, second = an_object(0, 70), an_object(71, 80)
    index.insert(first, 1000)
    before = max(row["seen"] for row in index.runs(first.name))
    _erase(url, first.name)

    index.insert(second, 1000)

    assert min(row["seen"] for row in index.runs(second.name)) > before


def test_writers_at_once_leave_every_object_once_and_no_number_twice(index: Index) -> None:
    objects = [an_object(n, n, replace(WHERE, number=n % 3)) for n in range(30)]

    with ThreadPoolExecutor(4) as pool:
        fresh = list(pool.map(lambda stored: index.insert(stored, 0), objects * 2))

    seen = [row["seen"] for stored in objects for row in index.runs(stored.name)]
    assert sum(fresh) == 30
    assert sorted(seen) == list(range(1, 31))


def test_an_index_that_was_closed_is_there_again(index: Index, url: str) -> None:
    index.insert(an_object(0, 4), 1000)
    index.close()

    again = Index(url)
    again.create()

    assert again.last_offset(WHERE) == 4
    again.close()


def test_an_embedded_index_is_readable_by_its_owner_alone_and_durable(tmp_path: Path) -> None:
    index = Index(f"sqlite:///{tmp_path}/index/index.db")
    index.create()
    index.insert(an_object(0, 4), 1000)

    files = list((tmp_path / "index").iterdir())

    assert {file.name for file in files} >= {"index.db", "index.db-wal"}
    assert all(file.stat().st_mode & 0o077 == 0 for file in files)
    index.close()


def test_a_reader_is_not_in_the_way_of_the_writer(tmp_path: Path) -> None:
    index = Index(f"sqlite:///{tmp_path}/index.db")
    index.create()
    index.insert(an_object(0, 4), 1000)
    reading = index.links()
    next(reading)

    assert index.insert(an_object(5, 9), 1000)

    reading.close()  # type: ignore[attr-defined]
    index.close()


def test_an_index_that_cannot_be_opened_is_tried_again_later(tmp_path: Path) -> None:
    (tmp_path / "index.db").mkdir()

    with pytest.raises(Transient):
        Index(f"sqlite:///{tmp_path}/index.db").create()


def _erase(url: str, name: str) -> None:
    import sqlalchemy as sa

    engine = sa.create_engine(url)
    with engine.begin() as db:
        for table in ("runs", "objects"):
            db.execute(sa.text(f"DELETE FROM {table} WHERE object = :name"), {"name": name})  # noqa: S608
    engine.dispose()
