"""One capture process a home: a kernel lock, gone with the process however it dies."""

import fcntl
import os
from pathlib import Path

from overt_producer.home import Home
from overt_schemas.errors import Permanent


class Lock:
    """Held while used as a context manager. Raises Permanent when another process has it."""

    def __init__(self, home: Home) -> None:
        self._path: Path = home.file("capture.lock")
        self._handle = -1

    def __enter__(self) -> "Lock":
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._handle = os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            os.close(self._handle)
            raise Permanent(
                "overtd capture already runs for this home: see `overtd status`", reason="running"
            ) from exc
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._handle)
