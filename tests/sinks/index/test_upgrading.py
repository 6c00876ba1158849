"""What an upgrade keeps, and that head is what the code and the contract say."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from overt_schemas import index as contract
from overt_schemas.errors import OvertError, Permanent, Refused, Transient
from overt_sinks.index import Index, migrations, tables, upgrading
from overt_sinks.index.engine import Engine
from tests.sinks.index import old
from tests.sinks.index.rows import has_runs, stored
from tests.sinks.made import WHERE


def _shape(url: str, statements: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return columns, keys and indexes of the contract's tables, after making them if asked."""
    engine = sa.create_engine(url)
    with engine.begin() as db:
        for statement in statements:
            db.execute(sa.text(statement))
        found = sa.inspect(db)
        shape = {
            table: (
                [
                    (c["name"], str(c["type"]), c["nullable"], "0" in (c["default"] or ""))
                    for c in found.get_columns(table)
                ],
                found.get_pk_constraint(table)["constrained_columns"],
                [
                    (key["constrained_columns"], key["referred_table"])
                    for key in found.get_foreign_keys(table)
                ],
                sorted((i["name"] or "", *i["column_names"]) for i in found.get_indexes(table)),
                found.get_unique_constraints(table),
            )
            for table in ("objects", "runs")
        }  # fmt: skip
    engine.dispose()
    return shape


def test_head_is_what_the_code_reads_and_writes(url: str) -> None:
    index = Index(url)
    index.create()

    with index.pool.connect() as db:
        context = MigrationContext.configure(db, opts={"compare_server_default": True})
        differs = compare_metadata(context, tables.metadata)

    index.close()
    assert differs == []


def test_head_is_the_contracts_shape(url: str) -> None:
    index = Index(url)
    index.create()
    index.close()
    at_head = _shape(url)

    engine = sa.create_engine(url)
    with engine.begin() as db:
        for table in ("move_runs", "moves", "runs", "objects"):
            db.execute(sa.text(f"DROP TABLE {table}"))
    engine.dispose()

    assert at_head == _shape(url, contract.DDL)


def test_the_newest_migration_is_the_one_that_the_code_asks_for() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.set_main_option("path_separator", "os")

    assert ScriptDirectory.from_config(config).get_current_head() == upgrading.HEAD


def test_an_index_made_before_migrations_keeps_every_object_and_run(url: str) -> None:
    objects = [stored(0, 70), stored(71, 80)]
    if url.startswith("sqlite"):
        Engine(url).close()  # the folder and the private file
    old.make(url, objects)
    index = Index(url)

    assert upgrading.upgrade(index) == ("0001", "0002")

    links = list(index.links())
    assert [(link.object, link.topic, link.topic_id) for link in links] == [
        (one.name, WHERE.topic, WHERE.topic_id) for one in objects
    ]
    assert [(link.first_offset, link.last_offset, link.records) for link in links] == [
        (0, 70, 71), (71, 80, 10),
    ]  # fmt: skip
    assert all(link.set_aside == () and link.created_ms == 1000 for link in links)
    assert all(has_runs(index, one) for one in objects)
    assert index.last_offset(WHERE) == 80
    index.insert(stored(81, 82), 2000)
    seen = [row["seen"] for link in index.links() for row in index.runs(link.object)]
    assert len(set(seen)) == len(seen)
    assert max(seen) == seen[-1]
    index.close()


def test_an_index_made_at_head_before_migrations_is_only_marked(url: str) -> None:
    index = Index(url)
    with index.transaction(writes=True) as db:
        tables.metadata.create_all(db)
        db.execute(tables.sink_cursor.insert(), {"name": "seen", "value": 7})

    assert upgrading.upgrade(index) == ("0002", "0002")

    with index.transaction() as db:
        assert db.execute(sa.text("SELECT version_num FROM alembic_version")).scalar() == "0002"
        assert db.execute(sa.select(tables.sink_cursor.c.value)).scalar() == 7
    index.close()


def test_an_upgrade_that_fails_in_the_middle_leaves_the_index_as_it_was(url: str) -> None:
    if url.startswith("sqlite"):
        Engine(url).close()
    old.make(url, [stored(0, 4)])
    before = _shape(url)
    engine = sa.create_engine(url)
    with engine.begin() as db:  # the new tables are made; the ledger meets a stranger
        db.execute(sa.text("CREATE TABLE move_runs (x INTEGER)"))
    index = Index(url)

    with pytest.raises(OvertError):
        index.create()

    assert _shape(url) == before
    with engine.begin() as db:
        assert not sa.inspect(db).has_table("alembic_version")
        db.execute(sa.text("DROP TABLE move_runs"))
    engine.dispose()
    assert upgrading.upgrade(index) == ("0001", "0002")
    index.close()


def test_sinks_that_start_at_once_do_not_break_each_other(url: str) -> None:
    sinks = [Index(url) for _ in range(4)]

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(Index.create, sinks))

    assert sinks[0].insert(stored(0, 4), 1000)
    for sink in sinks:
        sink.close()


def test_a_start_on_an_index_that_is_there_costs_less_than_a_tenth_of_a_second(url: str) -> None:
    first = Index(url)
    first.create()
    first.close()
    took = []

    for _ in range(5):
        index = Index(url)
        began = time.perf_counter()
        index.create()
        took.append(time.perf_counter() - began)
        index.close()

    assert min(took) < 0.1


def test_an_index_of_a_newer_version_is_left_alone(url: str) -> None:
    index = Index(url)
    index.create()
    with index.transaction(writes=True) as db:
        db.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(Permanent) as refused:
        index.create()

    assert refused.value.reason == "index_newer"
    index.close()


def test_an_upgrade_does_not_wait_for_ever_behind_a_reader(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    old.make(postgres_url, [stored(0, 4)])
    monkeypatch.setattr(upgrading, "_LOCK_MS", 100)
    index, reader = Index(postgres_url), sa.create_engine(postgres_url)

    with reader.begin() as db:
        db.execute(sa.text("SELECT * FROM runs")).all()
        with pytest.raises(Transient):
            index.create()

    assert upgrading.upgrade(index) == ("0001", "0002")
    index.close()
    reader.dispose()


def test_who_only_looks_makes_no_index_and_upgrades_none(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/index/index.db"

    with pytest.raises(Refused, match="there is no index"):
        Index.existing(url)

    assert not (tmp_path / "index").exists()


def test_an_empty_database_is_no_index(url: str) -> None:
    Engine(url).close()

    with pytest.raises(Refused, match="there is no index"):
        Index.existing(url)


def test_an_index_that_is_there_is_opened(url: str) -> None:
    made = Index(url)
    made.create()
    made.close()

    index = Index.existing(url)

    assert list(index.links()) == []
    index.close()
