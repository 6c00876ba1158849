"""PostgreSQL: each process may do its own work on the index and nothing else (roles.sql)."""

from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest
import sqlalchemy as sa

from overt_schemas.errors import Refused
from overt_sinks.index import Index, gone_rows, hold_rows, inventory_rows, reading_rows
from overt_sinks.index.engine import Engine
from tests.conformance.postgres import server
from tests.sinks.index.guarded import PEOPLE, Guarded
from tests.sinks.index.rows import stored
from tests.sinks.made import TOPIC_ID, WHERE

TABLES = ("links", "objects", "runs", "gone", "holds", "moves", "move_runs", "sink_cursor")
MAY_READ = {
    "sink": {"links", "objects", "runs", "sink_cursor"},
    "authority": {"objects", "runs"},
    "mover": set(TABLES) - {"sink_cursor"},
    "eraser": set(TABLES) - {"sink_cursor"},
    "holder": {"holds"},
    "verifier": set(TABLES),
}
MAY_DELETE = {
    "sink": set[str](),
    "authority": set[str](),
    "mover": {"objects", "runs", "moves", "move_runs"},
    "eraser": {"objects", "runs", "gone", "moves", "move_runs"},
    "holder": {"holds"},
    "verifier": set[str](),
}


@pytest.fixture(scope="module")
def guarded() -> Iterator[Guarded]:
    made = Guarded(server())
    yield made
    server().drop(made.name)


@pytest.mark.parametrize("who", PEOPLE)
def test_a_role_reads_and_deletes_only_what_is_its_own(guarded: Guarded, who: str) -> None:
    engine = sa.create_engine(guarded.url(who))
    may_read, may_delete = set[str](), set[str]()
    with engine.connect() as db:
        for table in TABLES:
            for right, found in (("SELECT", may_read), ("DELETE", may_delete)):
                query = sa.text("SELECT has_table_privilege(:t, :r)")
                if db.execute(query, {"t": table, "r": right}).scalar():
                    found.add(table)
    engine.dispose()

    assert may_read == MAY_READ[who]
    assert may_delete == MAY_DELETE[who]


def test_the_sink_starts_and_adds_and_cannot_take_back(guarded: Guarded) -> None:
    index = Index(guarded.url("sink"))
    index.create()

    more = stored(5, 9)
    assert index.insert(more, 1000)
    assert not index.insert(more, 1000)
    assert index.last_offset(WHERE) == 9
    assert index.insert(replace(stored(10, 14), blanked=(11, 12)), 1000)
    for order in (
        "DELETE FROM runs", "UPDATE runs SET person = ''", "UPDATE objects SET sha256 = ''",
        "DELETE FROM links", "SELECT * FROM holds", "DROP TABLE runs", "CREATE TABLE mine (x int)",
        "DELETE FROM gone", "UPDATE gone SET why = ''",
    ):  # fmt: skip
        with pytest.raises(Refused), index.transaction(writes=True) as db:
            db.execute(sa.text(order))
    index.close()


def test_the_authority_reads_runs_and_can_write_nothing(guarded: Guarded) -> None:
    engine = Engine(guarded.url("authority"))
    with engine.transaction() as db:
        assert reading_rows.segments(db, [], 0, 10)

    for order in (
        "UPDATE runs SET person = ''", "DELETE FROM objects", "SELECT * FROM holds",
        "SELECT * FROM moves", "SELECT * FROM links", "SELECT * FROM sink_cursor",
    ):  # fmt: skip
        with pytest.raises(Refused), engine.transaction(writes=True) as db:
            db.execute(sa.text(order))
    engine.close()


def test_the_eraser_says_what_is_gone_and_cannot_lift_a_hold(guarded: Guarded) -> None:
    holder, eraser = Engine(guarded.url("holder")), Engine(guarded.url("eraser"))
    hold = hold_rows.Hold(person="p-held", ticket="T-1", since_ms=1)
    with holder.transaction(writes=True) as db:
        assert hold_rows.place(db, hold)
        assert not hold_rows.place(db, hold)

    with eraser.transaction(writes=True) as db:
        assert hold_rows.held(db, ["p-held", "p-free"]) == {"p-held"}
        gone_rows.add(db, TOPIC_ID, 2, [(0, 1)], gone_rows.ERASED, 5)
        gone_rows.add(db, TOPIC_ID, 2, [(2, 2)], gone_rows.ERASED, 6)
    with pytest.raises(Refused), eraser.transaction(writes=True) as db:
        hold_rows.lift(db, "p-held")
    with holder.transaction(writes=True) as db:
        assert hold_rows.lift(db, "p-held")
    holder.close()
    eraser.close()


def test_the_verifier_sees_all_of_it(guarded: Guarded) -> None:
    engine = Engine(guarded.url("verifier"))

    with engine.transaction(snapshot=True) as db:
        assert list(inventory_rows.objects(db))
        assert list(inventory_rows.runs(db))
        assert inventory_rows.totals(db)
        list(gone_rows.all_gone(db))

    engine.close()


def test_a_login_without_a_role_sees_nothing(guarded: Guarded) -> None:
    login = f"{guarded.name}_nobody"
    with server().connect(guarded.name) as db:
        db.execute(f"CREATE ROLE {login} LOGIN PASSWORD 'x'".encode())
    url = server().url(guarded.name, login, "x").replace("postgresql+psycopg", "postgresql")

    with psycopg.connect(url) as db, pytest.raises(psycopg.errors.InsufficientPrivilege):
        db.execute("SELECT * FROM runs")
