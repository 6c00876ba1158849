"""Writers at once, a database that goes away in the middle, and what errors mean: on both."""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest
import sqlalchemy as sa

from overt_schemas.errors import OvertError, Permanent, Transient
from overt_sinks.index import Index, reading_rows, tables
from overt_sinks.index.chain_rows import next_seen
from overt_sinks.index.engine import Engine
from tests.conformance.postgres import postgres_url, server
from tests.sinks.index.rows import has_runs, stored
from tests.sinks.made import WHERE

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


def test_a_reader_that_polls_while_writers_insert_misses_no_run(index: Index) -> None:
    objects = [stored(n // 3, n // 3, replace(WHERE, number=n % 3)) for n in range(45)]
    done = Event()

    def poll() -> list[int]:
        cursor, found = 0, list[int]()
        while True:
            last = done.is_set()  # asked first: what was committed before is in the next page
            with index.transaction() as db:
                page = reading_rows.segments(db, [], cursor, 7)
            found += [run.seen for run in page]
            cursor = found[-1] if found else 0
            if last and not page:
                return found

    with ThreadPoolExecutor(5) as pool:
        reader = pool.submit(poll)
        try:
            list(pool.map(lambda one: index.insert(one, 0), objects))
        finally:
            done.set()
        seen = reader.result()

    assert seen == list(range(1, 46))


def test_a_number_is_not_overtaken_by_a_later_one_that_commits_first(index: Index) -> None:
    """The second writer waits for the first, so a reader never sees 2 before 1."""
    second = stored(0, 0)
    with ThreadPoolExecutor(1) as pool:
        with index.transaction(writes=True) as db:
            assert next_seen(db, 1) == 1
            waiting = pool.submit(index.insert, second, 0)
            with pytest.raises(TimeoutError):
                waiting.result(0.2)
        assert waiting.result(10)

    assert [row["seen"] for row in index.runs(second.name)] == [2]


def test_an_exception_in_a_transaction_leaves_nothing(index: Index) -> None:
    def stop_in_the_middle() -> None:
        with index.transaction(writes=True) as db:
            next_seen(db, 5)
            db.execute(tables.holds.insert(), {"person": "p", "ticket": "t", "since_ms": 0})
            raise KeyError

    with pytest.raises(KeyError):
        stop_in_the_middle()

    with index.transaction() as db:
        assert db.execute(sa.select(tables.holds)).all() == []
        assert db.execute(sa.select(tables.sink_cursor.c.value)).scalar() == 0


def test_a_statement_that_breaks_a_rule_is_refused_for_good(index: Index) -> None:
    row = {"person": "p", "ticket": "t", "since_ms": 0}

    with pytest.raises(Permanent), index.transaction(writes=True) as db:
        db.execute(tables.holds.insert(), [row, row])

    with index.transaction() as db:
        assert db.execute(sa.select(tables.holds)).all() == []


def test_a_run_without_its_object_is_refused(index: Index) -> None:
    one = stored(0, 0)
    index.insert(one, 0)

    with pytest.raises(Permanent), index.transaction(writes=True) as db:
        db.execute(tables.objects.delete())

    assert has_runs(index, one)


def test_a_snapshot_stays_what_it_was_while_others_write(index: Index) -> None:
    index.insert(stored(0, 4), 0)
    with index.transaction(snapshot=True) as db:
        before = len(reading_rows.segments(db, [], 0, 100))
        index.insert(stored(5, 9), 0)

        assert len(reading_rows.segments(db, [], 0, 100)) == before

    with index.transaction() as db:
        assert len(reading_rows.segments(db, [], 0, 100)) > before


@pytest.mark.parametrize("goes_on", [True, False], ids=["in the middle", "before the commit"])
def test_a_connection_that_is_cut_has_written_nothing(postgres_url: str, goes_on: bool) -> None:
    index = Index(postgres_url)
    index.create()

    def write() -> None:
        with index.transaction(writes=True) as db:
            db.execute(tables.holds.insert(), {"person": "p", "ticket": "t", "since_ms": 0})
            _cut(db)
            if goes_on:
                db.execute(sa.text("SELECT 1"))

    with pytest.raises(Transient):
        write()

    with index.transaction() as db:
        assert db.execute(sa.select(tables.holds)).all() == []
    assert index.insert(stored(0, 4), 0)  # the pool has let go of the dead connection
    index.close()


def test_a_process_that_is_killed_in_the_middle_has_written_nothing(url: str) -> None:
    index = Index(url)
    index.create()
    words = [sys.executable, "-c", _HALF, url]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as half:
        assert half.stdout is not None
        assert half.stdout.readline() == b"written\n"

        half.kill()

    with index.transaction() as db:
        assert db.execute(sa.select(tables.holds)).all() == []
    assert index.insert(stored(0, 4), 0)
    index.close()


_HALF = """
import sys, time
from overt_sinks.index import tables
from overt_sinks.index.engine import Engine
with Engine(sys.argv[1]).transaction(writes=True) as db:
    db.execute(tables.holds.insert(), {"person": "p", "ticket": "t", "since_ms": 0})
    print("written", flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"password": "wrong"}, "index_refused"),
        ({"database": "nowhere"}, "index"),
        ({"query": {"host": "/nowhere"}}, "index"),
    ],
    ids=["password", "database", "server"],
)
def test_a_server_that_does_not_let_in_is_tried_again_or_refused(
    postgres_url: str, change: dict[str, object], reason: str
) -> None:
    url = sa.make_url(postgres_url).set(**change)  # type: ignore[arg-type]
    index = Engine(url.render_as_string(hide_password=False))

    with pytest.raises(OvertError) as failed, index.transaction() as db:
        db.execute(sa.text("SELECT 1"))

    assert failed.value.reason == reason
    assert "wrong" not in str(failed.value)
    index.close()


def test_a_commit_is_durable_whatever_the_role_was_set_to(postgres_url: str) -> None:
    name = sa.make_url(postgres_url).database
    with server().connect() as db:
        db.execute(f"ALTER DATABASE {name} SET synchronous_commit = off".encode())
    engine = Engine(postgres_url)

    with engine.transaction() as read:
        assert read.execute(sa.text("SHOW synchronous_commit")).scalar() == "on"
        assert read.execute(sa.text("SHOW fsync")).scalar() == "on"

    engine.close()


def _cut(db: sa.Connection) -> None:
    """End the session of a connection, as a server that is restarted does."""
    pid = db.execute(sa.text("SELECT pg_backend_pid()")).scalar()
    with server().connect() as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
