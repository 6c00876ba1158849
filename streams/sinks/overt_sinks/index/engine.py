"""One connection pool to the index, and what a transaction on it means. SHELL, SQLAlchemy.

SQLite and PostgreSQL keep the same words here: a writing transaction waits for the one before it
instead of failing in the middle, what is committed is on the disk, and errors of the driver come
out as ``Transient`` (nothing was written; try again), ``Refused`` (not this identity's to do) or
``Permanent``. One exception to "nothing was written": a connection that breaks while the commit is
on its way may have committed, so whoever writes must be able to write the same again.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event, exc
from sqlalchemy.dialects import postgresql, sqlite

from overt_schemas.errors import Permanent, Refused, Transient

PAGE = 2000  # rows that a streaming query holds in memory
AT_ONCE = 500  # values named in one statement
_BUSY_MS = 10_000
_CONNECT_S = 10
_NOT_ALLOWED = "42501"
# A login that is refused has no state in the driver's error, only the server's words.
_NOT_LET_IN = ("authentication failed", "no pg_hba.conf entry")
# A standby answers, or a session was ended from outside: the same call may succeed later.
_PASSING = ("25006", "25P02", "25P03", "57P01", "57P02", "57P03")


class Engine:
    """One index; may be used from several threads."""

    def __init__(self, url: str) -> None:
        """Open nothing yet.

        Raises:
            Refused: no URL of a database that can be reached here.
        """
        parsed = _parsed(url)
        _make_private(parsed)
        if parsed.get_backend_name() == "sqlite":
            self.pool = sa.create_engine(parsed)
            event.listen(self.pool, "connect", _sqlite_connected)
            event.listen(self.pool, "begin", _sqlite_begins)
        else:
            limits = {"connect_timeout": str(_CONNECT_S), "application_name": "overt-sink"}
            self.pool = sa.create_engine(parsed.update_query_dict({**limits, **parsed.query}))
            event.listen(self.pool, "connect", _postgres_connected)
        self._writing = self.pool.execution_options(overt_writes=True)

    @contextmanager
    def transaction(
        self, *, writes: bool = False, snapshot: bool = False
    ) -> Iterator[sa.Connection]:
        """Commit what is done inside, or nothing of it.

        With ``snapshot`` all queries inside see the index as it was at the first of them, for as
        long as it takes; such a transaction reads only.

        Raises:
            Transient: the index is busy or away; nothing was written.
            Refused: this identity may not.
            Permanent: it refuses the statement.
        """
        engine = self._writing if writes else self.pool
        if snapshot and self.pool.dialect.name != "sqlite":  # there every transaction is one
            engine = self.pool.execution_options(isolation_level="REPEATABLE READ")
        try:
            with engine.begin() as db:
                yield db
        except exc.SQLAlchemyError as error:
            raise translated(error) from error

    def close(self) -> None:
        """Close all connections; SQLite folds its log into the file."""
        self.pool.dispose()


def translated(error: exc.SQLAlchemyError) -> Transient | Permanent:
    """Return a driver's error in the product's words."""
    said = getattr(error, "orig", None)
    state = getattr(said, "sqlstate", None) or ""
    if state == _NOT_ALLOWED or (not state and any(word in str(said) for word in _NOT_LET_IN)):
        return Refused(
            "the index does not allow it: see the roles in docs/index.md", reason="index_refused"
        )
    again = (exc.OperationalError, exc.InterfaceError, exc.TimeoutError)
    broken = isinstance(error, exc.DBAPIError) and error.connection_invalidated
    if state in _PASSING or broken or isinstance(error, again):
        return Transient("the index does not answer", reason="index")
    return Permanent("the index refuses the statement", reason="index")


def insert_once(db: sa.Connection, table: sa.Table, row: Mapping[str, object]) -> bool:
    """Insert a row unless its key is taken, and say whether it was new.

    It waits for a transaction that is just inserting the same key. Asked by RETURNING, since the
    drivers do not agree on what an insert's row count is.
    """
    insert = sqlite.insert if db.dialect.name == "sqlite" else postgresql.insert
    key = next(iter(table.primary_key))
    once = insert(table).on_conflict_do_nothing().returning(key)
    return db.execute(once, row).first() is not None


def lock(db: sa.Connection, name: str) -> None:
    """Wait for other transactions that hold the lock of that name; hold it to the end of this."""
    if db.dialect.name == "postgresql":
        db.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtext(f"overt {name}"))))
    # SQLite: a writing transaction is alone from its beginning.


def _parsed(url: str) -> sa.URL:
    try:
        parsed = sa.make_url(url)
        parsed.get_dialect().import_dbapi()
    except (exc.ArgumentError, ImportError):
        # Not chained: the library's words may hold the password.
        raise Refused(
            "index.url is sqlite:////file or postgresql+psycopg://user@host/db", reason="settings"
        ) from None
    return parsed


def is_missing(url: str) -> bool:
    """Whether an embedded index's file is not there; opening it would make an empty one."""
    path = _file_of(_parsed(url))
    return path is not None and not path.exists()


def _file_of(url: sa.URL) -> Path | None:
    is_file = url.get_backend_name() == "sqlite" and url.database not in (None, "", ":memory:")
    return Path(str(url.database)) if is_file else None


def _make_private(url: sa.URL) -> None:
    """Create an embedded index's file for its owner alone; SQLite copies the mode to its log."""
    path = _file_of(url)
    if path is not None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600, exist_ok=True)


def _postgres_connected(connection: Any, _record: object) -> None:
    # Somebody may have switched durability off for a role or a database; here it is promised.
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('synchronous_commit', 'on', false)"
            " WHERE current_setting('synchronous_commit') = 'off'"
        )
    connection.commit()


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
