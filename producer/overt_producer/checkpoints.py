"""A thread that makes spools safe against a power cut, every two seconds.

A checkpoint waits for the disk (40-70 ms at worst, facts/capture.md §6), so it has a thread and
connections of its own and never holds up a tick. A failure is raised again in ``check``.
"""

import sqlite3
import threading
from pathlib import Path
from types import TracebackType

from overt_producer.spool.schema import connect, translated
from overt_schemas.errors import OvertError

INTERVAL_S = 2.0


class Checkpoints:
    """The thread; used as a context manager."""

    def __init__(self, spools: list[Path]) -> None:
        self._spools = spools
        self._stop = threading.Event()
        self._error: OvertError | None = None
        self._thread = threading.Thread(target=self._loop, name="checkpoints", daemon=True)

    def __enter__(self) -> "Checkpoints":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def check(self) -> None:
        """Raise what went wrong since the last call."""
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def _loop(self) -> None:
        connections: list[sqlite3.Connection] = []
        try:
            connections = [connect(path) for path in self._spools]
            while not self._stop.wait(INTERVAL_S):
                for db in connections:
                    db.execute("PRAGMA wal_checkpoint(FULL)").fetchone()
        except sqlite3.Error as exc:
            self._error = translated(exc)
        except OvertError as exc:
            self._error = exc
        finally:
            for db in connections:
                db.close()
