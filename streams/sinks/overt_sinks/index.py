"""The index of stored parts, as the sink writes it. SHELL, SQL by SQLAlchemy Core.

Tables are the contract's (``overt_schemas.index``), and one row of our own: the last ``seen``
number that was given out. It only rises, even when runs are erased, and it is taken inside the
transaction that inserts: readers that poll by ``seen`` can never be overtaken by a smaller number
that commits later. One transaction an object; an object that stands already changes nothing.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event, exc

from overt_schemas import index as contract
from overt_schemas.errors import Permanent, Transient
from overt_sinks.container import Object
from overt_sinks.naming import Partition, run_name
from overt_sinks.runs import Run

HOT = "hot"
_SEEN = (
    "CREATE TABLE IF NOT EXISTS sink_cursor (name TEXT NOT NULL PRIMARY KEY, value BIGINT NOT NULL)"
)
_OBJECT = sa.text(
    "INSERT INTO objects (object, tier, topic_id, kafka_part, first_offset, last_offset, records,"
    " bytes, sha256, created_ms) VALUES (:object, :tier, :topic_id, :kafka_part, :first_offset,"
    " :last_offset, :records, :bytes, :sha256, :created_ms) ON CONFLICT DO NOTHING"
)
_RUN = sa.text(
    "INSERT INTO runs (run, object, byte_from, byte_len, records, kind, person, device, boot,"
    " activity, stream, segment, first_batch, last_batch, day, seen) VALUES (:run, :object,"
    " :byte_from, :byte_len, :records, :kind, :person, :device, :boot, :activity, :stream,"
    " :segment, :first_batch, :last_batch, :day, :seen)"
)
_BUSY_MS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """An object's row."""

    object: str
    tier: str
    topic_id: str
    kafka_part: int
    first_offset: int
    last_offset: int
    records: int
    bytes: int
    sha256: str


class Index:
    """One index; may be used from several threads."""

    def __init__(self, url: str) -> None:
        _make_private(url)
        self._engine = sa.create_engine(url)
        if self._engine.dialect.name == "sqlite":
            event.listen(self._engine, "connect", _sqlite_connected)
            event.listen(self._engine, "begin", _sqlite_begins)
        self._writing = self._engine.execution_options(overt_writes=True)

    def create(self) -> None:
        """Make the tables that are not there yet."""
        with self._transaction(writes=True) as db:
            for statement in (*contract.DDL, _SEEN):
                db.execute(sa.text(statement))
            db.execute(
                sa.text(
                    "INSERT INTO sink_cursor (name, value) VALUES ('seen', 0)"
                    " ON CONFLICT DO NOTHING"
                )
            )

    def last_offset(self, partition: Partition) -> int | None:
        """Return the last offset that an indexed object of the partition covers."""
        query = sa.text(
            "SELECT max(last_offset) FROM objects WHERE topic_id = :topic_id AND kafka_part = :part"
        )
        where = {"topic_id": partition.topic_id, "part": partition.number}
        with self._transaction() as db:
            found: int | None = db.execute(query, where).scalar()
        return found

    def insert(self, stored: Object, now_ms: int) -> bool:
        """Insert an object with its runs; whether it was new.

        Raises:
            Transient: the index is busy or away; nothing was inserted.
            Permanent: another object of that range is in the index.
        """
        with self._transaction(writes=True) as db:
            row = _object_row(stored, now_ms)
            if db.execute(_OBJECT, row).rowcount == 0:
                self._same(db, stored)
                return False
            if stored.runs:
                seen = self._numbers(db, len(stored.runs))
                runs = [run_row(stored.name, run, seen + n) for n, run in enumerate(stored.runs)]
                db.execute(_RUN, runs)
            return True

    def objects(self) -> Iterator[Row]:
        """Yield the rows of all objects, chain by chain in order."""
        query = sa.text(
            "SELECT object, tier, topic_id, kafka_part, first_offset, last_offset, records, bytes,"
            " sha256 FROM objects ORDER BY topic_id, kafka_part, first_offset"
        )
        with self._transaction() as db:
            for row in db.execute(query).mappings():
                yield Row(**row)

    def runs(self, object_name: str) -> list[dict[str, Any]]:
        """Return the run rows of an object, by position."""
        query = sa.text("SELECT * FROM runs WHERE object = :object ORDER BY byte_from")
        with self._transaction() as db:
            return [dict(row) for row in db.execute(query, {"object": object_name}).mappings()]

    def close(self) -> None:
        """Close all connections; SQLite folds its log into the file."""
        self._engine.dispose()

    def _numbers(self, db: sa.Connection, count: int) -> int:
        """Return the first of ``count`` new ``seen`` numbers; the row stays locked to the end."""
        query = "UPDATE sink_cursor SET value = value + :n WHERE name = 'seen' RETURNING value"
        last: int = db.execute(sa.text(query), {"n": count}).scalar_one()
        return last - count + 1

    def _same(self, db: sa.Connection, stored: Object) -> None:
        query = sa.text("SELECT sha256 FROM objects WHERE object = :object")
        if db.execute(query, {"object": stored.name}).scalar() != stored.sha256:
            raise Permanent(
                "the index knows another object of that name: run overt-sink verify",
                reason="index_differs",
            )

    @contextmanager
    def _transaction(self, *, writes: bool = False) -> Iterator[sa.Connection]:
        engine = self._writing if writes else self._engine
        try:
            with engine.begin() as db:
                yield db
        except (exc.OperationalError, exc.InterfaceError, exc.TimeoutError) as error:
            raise Transient("the index does not answer", reason="index") from error
        except exc.SQLAlchemyError as error:
            raise Permanent("the index refuses the statement", reason="index") from error


def _object_row(stored: Object, now_ms: int) -> dict[str, object]:
    return {
        "object": stored.name, "tier": HOT, "topic_id": stored.partition.topic_id,
        "kafka_part": stored.partition.number, "first_offset": stored.first,
        "last_offset": stored.last, "records": stored.records, "bytes": stored.size,
        "sha256": stored.sha256, "created_ms": now_ms,
    }  # fmt: skip


def run_row(object_name: str, run: Run, seen: int) -> Mapping[str, object]:
    """Return a run's row."""
    first = run.first
    return {
        "run": run_name(object_name, run.byte_from), "object": object_name,
        "byte_from": run.byte_from, "byte_len": run.byte_len, "records": run.records,
        "kind": first.kind, "person": first.person, "device": first.device, "boot": first.boot,
        "activity": first.activity, "stream": first.stream, "segment": first.segment,
        "first_batch": first.batch, "last_batch": run.last_batch, "day": first.day, "seen": seen,
    }  # fmt: skip


def _make_private(url: str) -> None:
    """Create an embedded index's file for its owner alone; SQLite copies the mode to its log."""
    parts = sa.make_url(url)
    if parts.get_backend_name() == "sqlite" and parts.database not in (None, "", ":memory:"):
        path = Path(str(parts.database))
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600, exist_ok=True)


def _sqlite_connected(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions are begun by _sqlite_begins alone
    # FULL: an offset is committed to Kafka only after its rows are on the disk.
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute(f"PRAGMA busy_timeout={_BUSY_MS}")


def _sqlite_begins(connection: sa.Connection) -> None:
    # IMMEDIATE: two writers queue here instead of failing in the middle. Readers do not wait.
    writes = connection.get_execution_options().get("overt_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
