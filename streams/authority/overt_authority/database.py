"""The authority's SQL: one URL, SQLite (WAL) embedded or a server.

Every store declares its tables on ``METADATA`` and takes an open connection, so that what belongs
together (a state, its outbox row) is written in one transaction. Writers are one at a time: a
process lock before the database's own, else threads would spin on ``database is locked``.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from overt_schemas.errors import Transient

METADATA = sa.MetaData()
_WRITES = "overt_writes"


class Database:
    """Transactions; ``write`` commits when its block ends without an error."""

    def __init__(self, url: str) -> None:
        # As many as the server has worker threads: nobody waits for a connection to read.
        self._engine = sa.create_engine(url, pool_size=20, max_overflow=30)
        self._writing = threading.Lock()
        if self._engine.dialect.name == "sqlite":
            _make_private(self._engine.url.database)
            sa.event.listen(self._engine, "connect", _prepare_sqlite)
            sa.event.listen(self._engine, "begin", _begin_sqlite)

    def open(self) -> None:
        """Create what tables are missing."""
        with self.write() as db:
            METADATA.create_all(db)

    def close(self) -> None:
        """Close all connections; SQLite folds its WAL in with the last."""
        self._engine.dispose()

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """Give a transaction that may write; no other writer runs meanwhile.

        Raises:
            Transient: the database does not answer; nothing was written.
        """
        try:
            with self._writing, self._engine.connect() as connection:
                db = connection.execution_options(**{_WRITES: True})
                with db.begin():
                    yield db
        except (OperationalError, PoolTimeout) as exc:
            raise Transient("the database does not answer", reason="database") from exc

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Give a snapshot to read from."""
        try:
            with self._engine.connect() as db, db.begin():
                yield db
        except (OperationalError, PoolTimeout) as exc:
            raise Transient("the database does not answer", reason="database") from exc


def _make_private(path: str | None) -> None:
    # SQLite gives -wal and -shm the mode of the file itself.
    if path and path != ":memory:":
        Path(path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",  # an acknowledged token, consent or number survives a power cut
        "busy_timeout=10000",
        "secure_delete=ON",  # a destroyed key leaves no copy in free pages
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(db: sa.Connection) -> None:
    # A deferred transaction that reads first cannot always become a writer; an immediate one is.
    writes = db.get_execution_options().get(_WRITES)
    db.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
