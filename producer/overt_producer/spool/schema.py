"""The spool's file: one SQLite database in WAL mode, mode 0600 in a directory of mode 0700.

* ``records``: what is to be published, in the order of ``id``, which is never used twice. Lane 0
  (consent, presence) goes before lane 1 (batches, boot ends). ``record`` and ``tombstone`` are
  framed values of the contract; once ``dropped`` is set ``record`` *is* the tombstone.
* ``totals``: batches and events spooled per boot and stream, and batches published. They outlive
  the rows and change in the transaction that adds or removes them, so the account and the next
  boot's ``BootEnd`` are right whatever was killed when.
* ``gaps``: refused events per boot and label. ``boots``: who a boot sealed for, how it ended.

Capture writes and lets go of old content; ship reads, and deletes what the broker acknowledged.
Nothing in it opens anything: content is sealed to the processors, and only sums are counted.
"""

import contextlib
import os
import sqlite3
import time
from pathlib import Path

from overt_schemas.errors import Permanent, Transient

BUSY_MS = 5000
_FULL = frozenset({"SQLITE_FULL", "SQLITE_IOERR_WRITE", "SQLITE_IOERR_FSYNC"})

DDL = """
CREATE TABLE IF NOT EXISTS records (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    lane INTEGER NOT NULL,
    kind TEXT NOT NULL,
    boot BLOB NOT NULL,
    stream INTEGER NOT NULL,
    batch INTEGER NOT NULL,
    consent TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    dropped TEXT NOT NULL DEFAULT '',
    record BLOB NOT NULL,
    tombstone BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS records_by_lane ON records (lane, id);
CREATE TABLE IF NOT EXISTS totals (
    boot BLOB NOT NULL,
    stream INTEGER NOT NULL,
    batches INTEGER NOT NULL DEFAULT 0,
    events INTEGER NOT NULL DEFAULT 0,
    published INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (boot, stream));
CREATE TABLE IF NOT EXISTS gaps (
    boot BLOB NOT NULL,
    reason TEXT NOT NULL,
    count INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (boot, reason));
CREATE TABLE IF NOT EXISTS boots (
    boot BLOB NOT NULL PRIMARY KEY,
    number INTEGER NOT NULL,
    person TEXT NOT NULL,
    is_clean INTEGER NOT NULL DEFAULT 0,
    is_ended INTEGER NOT NULL DEFAULT 0);
"""


def connect(path: Path) -> sqlite3.Connection:
    """Open the spool for one process."""
    return connect_wal(path, DDL)


def connect_wal(path: Path, ddl: str) -> sqlite3.Connection:
    """Open a file in WAL mode; autocommit, so every transaction is written out in code.

    ``synchronous=NORMAL``: a commit costs 0.1 ms and survives a kill; a power cut costs what came
    after the last checkpoint, which syncs log and file.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        _make_private(path)
        db = sqlite3.connect(
            path, timeout=BUSY_MS / 1000, isolation_level=None, check_same_thread=False
        )
        _enter_wal(db)
        db.execute("PRAGMA synchronous=NORMAL")
        db.executescript(ddl)
    except sqlite3.Error as exc:
        raise translated(exc) from exc
    except OSError as exc:
        raise Permanent(f"{path.name} cannot be opened: {exc.strerror}", reason="spool") from exc
    return db


def _make_private(path: Path) -> None:
    # A file that is there must not be touched: closing any handle of it drops every lock that this
    # process has on it, and then whoever closes next removes the log while we still write to it.
    flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, flags, 0o600))


def _enter_wal(db: sqlite3.Connection) -> None:
    # SQLite's own patience does not cover this switch: while the other process makes it, the answer
    # is "locked" at once. Both start at the same moment on a new machine.
    deadline_s = time.monotonic() + BUSY_MS / 1000
    while True:
        try:
            db.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as exc:
            if exc.sqlite_errorname != "SQLITE_BUSY" or time.monotonic() >= deadline_s:
                raise
            time.sleep(0.01)
        else:
            return


def translated(exc: sqlite3.Error) -> Permanent | Transient:
    """Return the error of the product for one of SQLite."""
    name = getattr(exc, "sqlite_errorname", "")
    if name in _FULL:
        return Permanent(
            "the disk that holds the spool is full: free some space and start again",
            reason="disk_full",
        )
    if name in ("SQLITE_BUSY", "SQLITE_LOCKED"):
        return Transient("the spool is busy", reason="spool_busy")
    return Permanent(
        f"the spool cannot be used ({name or 'not a database'}): move it away and start again",
        reason="spool",
    )
