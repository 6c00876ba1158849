"""One connection pool to the index, and what a transaction on it means. SHELL, SQLAlchemy.

SQLite and PostgreSQL keep the same words here: a writing transaction waits for the one before it
instead of failing in the middle, what is committed is on the disk, and errors of the driver come
out as ``Transient`` (nothing was written; try again) or ``Permanent``.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event, exc

from overt_schemas.errors import Permanent, Transient

_BUSY_MS = 10_000


class Engine:
    """One index; may be used from several threads."""

    def __init__(self, url: str) -> None:
        _make_private(url)
        self.pool = sa.create_engine(url)
        if self.pool.dialect.name == "sqlite":
            event.listen(self.pool, "connect", _sqlite_connected)
            event.listen(self.pool, "begin", _sqlite_begins)
        self._writing = self.pool.execution_options(overt_writes=True)

    @contextmanager
    def transaction(self, *, writes: bool = False) -> Iterator[sa.Connection]:
        """Commit what is done inside, or nothing of it.

        Raises:
            Transient: the index is busy or away; nothing was written.
            Permanent: it refuses the statement.
        """
        engine = self._writing if writes else self.pool
        try:
            with engine.begin() as db:
                yield db
        except (exc.OperationalError, exc.InterfaceError, exc.TimeoutError) as error:
            raise Transient("the index does not answer", reason="index") from error
        except exc.SQLAlchemyError as error:
            raise Permanent("the index refuses the statement", reason="index") from error

    def close(self) -> None:
        """Close all connections; SQLite folds its log into the file."""
        self.pool.dispose()


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
