"""control.db: the board on which ship pins what it heard and from which capture reads.

Ship is not trusted with more than bringing things: every row is a framed ``Signed`` and capture
verifies each one itself, from the root key pinned at enrolment. A row that does not verify is as
good as none. ``registered`` and ``shipping`` are ship's own notes and decide nothing about capture.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from overt_producer.spool.schema import connect_wal, translated

KEYSET, POLICY, BEACON = "keyset", "policy", "beacon"
KEPT = {KEYSET: 8, POLICY: 64, BEACON: 16}

_DDL = """
CREATE TABLE IF NOT EXISTS signed (
    kind TEXT NOT NULL,
    number INTEGER NOT NULL,
    name TEXT NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (kind, number, name));
CREATE TABLE IF NOT EXISTS registered (consent TEXT NOT NULL PRIMARY KEY);
"""


class Board:
    """The file, in either process."""

    def __init__(self, path: Path) -> None:
        self._db = connect_wal(path, _DDL)

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def pin(self, kind: str, number: int, name: str, value: bytes) -> None:
        """Add a signed record; the oldest of its kind make room."""
        with self._errors():
            self._db.execute(
                "INSERT OR REPLACE INTO signed (kind, number, name, value) VALUES (?, ?, ?, ?)",
                (kind, number, name, value),
            )
            self._db.execute(
                "DELETE FROM signed WHERE kind = ? AND rowid NOT IN "
                "(SELECT rowid FROM signed WHERE kind = ? ORDER BY number DESC LIMIT ?)",
                (kind, kind, KEPT[kind]),
            )

    def read(self, kind: str) -> list[bytes]:
        """Return the records of a kind, highest number first."""
        with self._errors():
            rows = self._db.execute(
                "SELECT value FROM signed WHERE kind = ? ORDER BY number DESC", (kind,)
            ).fetchall()
        return [bytes(value) for (value,) in rows]

    def version(self) -> int:
        """Return a number that changes whenever the other process wrote something."""
        with self._errors():
            return int(self._db.execute("PRAGMA data_version").fetchone()[0])

    def register(self, consent: str) -> None:
        """Note that the authority has registered a consent."""
        with self._errors():
            self._db.execute("INSERT OR IGNORE INTO registered VALUES (?)", (consent,))

    def is_registered(self, consent: str) -> bool:
        """Return whether content under a consent may be published."""
        with self._errors():
            row = self._db.execute("SELECT 1 FROM registered WHERE consent = ?", (consent,))
            return row.fetchone() is not None

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as exc:
            raise translated(exc) from exc
