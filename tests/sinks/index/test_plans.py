"""What is asked of a large index is answered along an index of it, on both databases."""

from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from overt_sinks.index import Index, gone_rows, inventory_rows, reading_rows, tables
from tests.conformance.postgres import server
from tests.sinks.made import TOPIC_ID, WHERE

_RUNS, _PEOPLE, _PER_OBJECT = 20_000, 200, 100


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def large(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Index]:
    is_postgres, name = request.param == "postgres", ""
    if is_postgres:
        name = server().database()
        url = server().url(name)
    else:
        url = f"sqlite:///{tmp_path_factory.mktemp('plans')}/index.db"
    index = Index(url)
    index.create()
    _fill(index)
    yield index
    index.close()
    if is_postgres:
        server().drop(name)


def _fill(index: Index) -> None:
    names = [WHERE.object(n * _PER_OBJECT) for n in range(_RUNS // _PER_OBJECT)]
    standing = [
        {
            "object": name, "tier": "hot", "records": _PER_OBJECT, "bytes": 1, "sha256": "",
            "person": "", "day": "", "class": "", "created_ms": 0,
        }
        for name in names
    ]  # fmt: skip
    links = [
        {
            "object": name, "topic": WHERE.topic, "topic_id": TOPIC_ID, "kafka_part": 2,
            "first_offset": n * _PER_OBJECT, "last_offset": (n + 1) * _PER_OBJECT - 1,
            "records": _PER_OBJECT, "set_aside": "", "bytes": 1, "sha256": "", "created_ms": 0,
        }
        for n, name in enumerate(names)
    ]  # fmt: skip
    runs = [
        {
            "run": f"{n:016x}-{n}", "object": names[n // _PER_OBJECT], "byte_from": n,
            "byte_len": 1, "records": 1, "kind": "part", "person": f"p-{n % _PEOPLE:016x}",
            "device": f"{n % _PEOPLE:032x}", "boot": "0" * 32, "activity": 1, "stream": 0,
            "segment": n // 60, "first_batch": n, "last_batch": n, "day": "2026-11-25",
            "seen": n + 1, "superseded_ms": 0,
        }
        for n in range(_RUNS)
    ]  # fmt: skip
    gone = [
        {
            "topic_id": TOPIC_ID, "kafka_part": 2, "first_offset": n * 3, "last_offset": n * 3,
            "why": "erased", "at_ms": 0,
        }
        for n in range(_RUNS // 4)
    ]  # fmt: skip
    with index.transaction(writes=True) as db:
        db.execute(tables.objects.insert(), standing)
        db.execute(tables.links.insert(), links)
        db.execute(tables.runs.insert(), runs)
        db.execute(tables.gone.insert(), gone)
    with index.transaction(writes=True) as db:
        db.execute(sa.text("ANALYZE"))


def _plans(index: Index, ask: Callable[[sa.Connection], object]) -> str:
    """Return how the database answers each statement that ``ask`` makes, as it says itself."""
    said: list[tuple[str, object]] = []

    def heard(*event: object) -> None:
        said.append((str(event[2]), event[3]))

    event.listen(index.pool, "before_cursor_execute", heard)
    with index.transaction() as db:
        ask(db)
    event.remove(index.pool, "before_cursor_execute", heard)
    words = "EXPLAIN QUERY PLAN" if index.pool.dialect.name == "sqlite" else "EXPLAIN"
    with index.transaction() as db:
        plans = [
            "\n".join(str(tuple(row)) for row in db.exec_driver_sql(f"{words} {text}", values))  # type: ignore[arg-type]
            for text, values in said
            if text.startswith("SELECT") and "FROM" in text
        ]
    return "\n".join(plans)


@pytest.mark.parametrize(
    ("ask", "along"),
    [
        (lambda db: reading_rows.segments(db, [f"p-{7:016x}"], 10_000, 50), "runs_by_person"),
        (lambda db: reading_rows.segments(db, [], 19_000, 50), "runs_by_seen"),
        (lambda db: inventory_rows.runs_of(db, WHERE.object(500)), "runs_by_object"),
        (lambda db: gone_rows._around(db, (
            tables.gone.c.topic_id == TOPIC_ID, tables.gone.c.kafka_part == 2,
        ), 9_000, 9_010), "gone"),
    ],
    ids=["one person", "everybody", "an object", "gone ranges"],
)  # fmt: skip
def test_a_query_goes_along_an_index(
    large: Index, ask: Callable[[sa.Connection], object], along: str
) -> None:
    plan = _plans(large, ask)

    assert along in plan
    assert "SCAN runs\n" not in f"{plan}\n"
    assert not any(word in plan for word in ("Seq Scan", "SCAN gone", "TEMP B-TREE"))


def test_where_a_chain_stands_is_found_without_reading_it(large: Index) -> None:
    plan = _plans(large, lambda _db: large.last_offset(WHERE))

    assert "links" in plan
    assert "Seq Scan" not in plan
    assert "SCAN links" not in plan


def test_an_inventory_comes_in_order_and_whole(large: Index) -> None:
    with large.transaction(snapshot=True) as db:
        runs = [(run.object, run.byte_from) for run in inventory_rows.runs(db, "hot")]
        objects = [standing.object for standing in inventory_rows.objects(db, "hot")]
        (total,) = inventory_rows.totals(db)

    assert len(runs) == _RUNS
    assert runs == sorted(runs)
    assert objects == sorted(objects)
    assert (total.tier, total.objects, total.records) == ("hot", len(objects), _RUNS)


def test_the_index_can_be_read_while_a_stream_of_it_is_open(large: Index) -> None:
    with large.transaction(snapshot=True) as db:
        stream = inventory_rows.runs(db)
        first = next(stream)

        assert inventory_rows.runs_of(db, first.object)
        assert sum(1 for _ in stream) == _RUNS - 1
