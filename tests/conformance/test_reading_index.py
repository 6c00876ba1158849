"""The authority reads the index of the sinks alike on SQLite and on PostgreSQL, and only reads."""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from overt_authority.grants.index import Index, merged, passing
from overt_schemas.errors import Transient
from overt_sinks.index import tables
from tests.conformance.reading_index import KINDS, Both, index_of, row

FEW = ["p-1"]
MANY = ["p-1", *(f"nobody-{n}" for n in range(100))]
COHORTS = pytest.mark.parametrize("people", [FEW, MANY], ids=["few", "many"])


@pytest.fixture(params=KINDS)
def both(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Both]:
    with index_of(request.param, tmp_path) as made:
        yield made


def names(index: Index, people: list[str], after: int = 0, limit: int = 100) -> list[str]:
    return [run.run for run in index.page(people, after, limit).runs]


@COHORTS
def test_a_page_holds_what_stands_now_in_order_and_notices(both: Both, people: list[str]) -> None:
    both.add([row(3), row(1), row(2, "p-2"), row(4, superseded_ms=1), row(5, "", kind="notice")])

    page = both.index.page(people, 0, 2)
    rest = both.index.page(people, page.after, 2)

    assert [run.run for run in (*page.runs, *rest.runs)] == ["r1", "r3", "r5"]
    assert (page.after, page.more) == (3, True)
    assert not rest.more
    assert names(both.index, people, rest.after) == []


@COHORTS
def test_a_run_that_was_moved_is_listed_where_it_stands_and_found_by_its_old_name_too(
    both: Both, people: list[str]
) -> None:
    both.add([row(1, superseded_ms=9), row(2, superseded_ms=9)])
    target = row(2, run="warm-0", object="person=p-1/day=d/class=input/m.avro", records=2)

    both.add([target], tier="warm")

    (listed,) = both.index.page(people, 0, 10).runs
    assert (listed.run, listed.tier, listed.seen) == ("warm-0", "warm", 2)
    found = both.index.find(["r1", "warm-0", "never"])
    assert {name: run.tier for name, run in found.items()} == {"r1": "hot", "warm-0": "warm"}


def test_many_names_are_found_at_once(both: Both) -> None:
    both.add([row(seen) for seen in range(1, 1300)])

    assert len(both.index.find([f"r{n}" for n in range(2000)])) == 1299


def test_a_large_cohort_passes_over_others_and_its_cursor_goes_on(both: Both) -> None:
    both.add([row(seen, "p-9") for seen in range(1, 12_001)])
    both.add([row(12_001), row(12_002, object="o200")])

    first = both.index.page(MANY, 0, 10)
    second = both.index.page(MANY, first.after, 10)

    assert (first.runs, first.after, first.more) == ((), 10_000, True)
    assert [run.run for run in second.runs] == ["r12001", "r12002"]
    assert not second.more


def test_the_authority_cannot_write_whatever_it_says(both: Both) -> None:
    both.add([row(1)])

    for statement in ("DELETE FROM runs", "UPDATE objects SET tier = 'x'", "DROP TABLE runs"):
        with pytest.raises(DBAPIError), both.index._engine.begin() as db:
            db.exec_driver_sql(statement)

    assert names(both.index, FEW) == ["r1"]


def test_an_embedded_index_may_stand_in_any_folder(tmp_path: Path) -> None:
    folder = tmp_path / "my #1 stack"
    folder.mkdir()

    with index_of("sqlite", folder) as both:
        both.add([row(1)])

        assert names(both.index, FEW) == ["r1"]


def test_on_a_server_it_needs_no_more_than_two_tables(tmp_path: Path) -> None:
    with index_of("postgresql", tmp_path) as both:
        for table in ("links", "gone", "holds", "moves", "move_runs", "sink_cursor"):
            with pytest.raises(DBAPIError), both.index._engine.begin() as db:
                db.execute(sa.select(sa.text("*")).select_from(sa.table(table)))

        assert both.index.page(FEW, 0, 10).runs == ()


def test_an_index_that_is_away_is_asked_again(tmp_path: Path) -> None:
    away = [f"sqlite:///{tmp_path}/none.db", f"postgresql+psycopg://u:w@/d?host={tmp_path}"]

    for url in away:
        index = Index(url)
        with pytest.raises(Transient):
            index.page(FEW, 0, 1)
        with pytest.raises(Transient):
            index.find(["r1"])
        index.close()


def test_a_server_that_was_restarted_is_asked_anew(tmp_path: Path) -> None:
    with index_of("postgresql", tmp_path) as both:
        both.add([row(1)])
        assert names(both.index, FEW) == ["r1"]

        with both.writer.connect().execution_options(isolation_level="AUTOCOMMIT") as db:
            db.exec_driver_sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE pid <> pg_backend_pid() AND datname = current_database()"
            )

        assert names(both.index, FEW) == ["r1"]


def fill(both: Both, first: int, last: int) -> None:
    rows = [row(seen, f"p-{seen % 100}") for seen in range(first, last)]
    for at in range(0, len(rows), 64 * 400):
        both.add(rows[at : at + 64 * 400])


def work(both: Both, query: sa.Select[Any], after: int) -> int:
    """Return how much the database did for a page: steps of SQLite, buffers of PostgreSQL."""
    steps = 0

    def step() -> int:
        nonlocal steps
        steps += 1
        return 0

    values = {"after": after, "limit": 20}
    with both.writer.connect() as db:
        if db.dialect.name == "sqlite":
            raw: Any = db.connection.driver_connection
            raw.set_progress_handler(step, 10)
            db.execute(query, values).all()
            raw.set_progress_handler(None, 0)
            return steps
        told = _explained(db, query, after, "ANALYZE, BUFFERS, FORMAT JSON, ")
        return int(told[0]["Plan"]["Shared Hit Blocks"] + told[0]["Plan"]["Shared Read Blocks"])


def _explained(db: sa.Connection, query: sa.Select[Any], after: int, how: str) -> Any:
    bound = query.params(after=after, limit=20)
    text = bound.compile(db, compile_kwargs={"literal_binds": True})
    return db.exec_driver_sql(f"EXPLAIN ({how}COSTS ON) {text}").scalar()


def plans(both: Both, query: sa.Select[Any]) -> str:
    with both.writer.connect() as db:
        if db.dialect.name != "sqlite":
            return str(_explained(db, query, 5_000, "FORMAT JSON, "))
        bound = query.params(after=5_000, limit=20)
        text = bound.compile(db, compile_kwargs={"literal_binds": True})
        return str(db.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}").all())


def cases(kind: str) -> list[tuple[sa.Select[Any], str]]:
    """Return the page of one person, of sixty and of many, and the index of each."""
    return [
        (merged(["", "p-1"], kind), "runs_by_person"),
        (merged([f"p-{n}" for n in range(60)], kind), "runs_by_person"),
        (passing(), "runs_by_seen"),
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_uses_its_index_and_costs_no_more_when_there_is_more(
    kind: str, tmp_path: Path
) -> None:
    with index_of(kind, tmp_path) as both:
        fill(both, 1, 64 * 100)
        _analyze(both)
        small = [work(both, query, 3_000) for query, _ in cases(kind)]
        fill(both, 64 * 100, 64 * 1_000)
        _analyze(both)

        large = [work(both, query, 3_000) for query, _ in cases(kind)]

        # Ten times the rows: a level more of a tree at most.
        grown = [(before, after) for before, after in zip(small, large, strict=True)]
        assert [pair for pair in grown if pair[1] > 1.5 * pair[0] + 20] == []
        for query, index in cases(kind):
            told = plans(both, query)
            assert index in told
            assert not re.search(r"Seq Scan', '[^}]*'Relation Name': 'runs'|SCAN runs", told)


def _analyze(both: Both) -> None:
    with both.writer.connect().execution_options(isolation_level="AUTOCOMMIT") as db:
        db.exec_driver_sql("ANALYZE")


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", KINDS)
def test_a_page_takes_as_long_with_a_million_runs_as_with_ten_thousand(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    times: dict[int, list[float]] = {}
    with index_of(kind, tmp_path) as both:
        standing = 1
        for count in (10_000, 100_000, 1_000_000):
            fill(both, standing - standing % 64 or 1, count - count % 64)
            standing = count
            _analyze(both)
            times[count] = [_timed(both, people) for people in (["p-1"], _people(60), _people(400))]
    with capsys.disabled():
        for count, (one, sixty, many) in times.items():
            print(f"\n{kind} {count:>9} runs, a page of 1,000: one person {one:.1f} ms, "
                  f"sixty {sixty:.1f} ms, four hundred {many:.1f} ms", end="")  # fmt: skip

    assert times[1_000_000][1] < 5 * times[10_000][1] + 20
    assert times[1_000_000][2] < 5 * times[10_000][2] + 20


def _people(count: int) -> list[str]:
    return [f"p-{n}" for n in range(count)]


def _timed(both: Both, people: list[str]) -> float:
    taken = []
    for _ in range(7):
        began = time.perf_counter()
        both.index.page(people, 2_000, 1_000)
        taken.append(time.perf_counter() - began)
    return 1000 * sorted(taken)[3]


def test_the_rows_that_the_reader_names_are_the_contracts() -> None:
    wanted = {column.name for column in passing().selected_columns}

    assert wanted <= {c.name for t in (tables.runs, tables.objects) for c in t.c}
