"""The sink's own folder: a lock, its name in the group, the file that says it is ready. SHELL."""

import fcntl
import os
import secrets
from pathlib import Path

from overt_schemas.errors import Refused

_INSTANCE = "instance"
_READY = "ready"
_LOCK = "lock"


class StateDir:
    """The folder of one sink process; entered, it is this process's alone."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = -1

    def __enter__(self) -> "StateDir":
        self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = os.open(self._path / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            os.close(self._lock)
            raise Refused(
                "another sink runs on this state_dir: stop it, or give each its own",
                reason="settings",
            ) from exc
        self._ready().unlink(missing_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._ready().unlink(missing_ok=True)
        os.close(self._lock)

    def instance(self) -> str:
        """Return the sink's name in its consumer group; the same after each start."""
        file = self._path / _INSTANCE
        if not file.exists():
            fresh = self._path / f"{_INSTANCE}.new"
            fresh.write_text(f"sink-{secrets.token_hex(8)}")
            fresh.chmod(0o600)
            fresh.replace(file)
        return file.read_text().strip()

    def mark_ready(self) -> None:
        """Say that the sink works."""
        self._ready().touch(mode=0o600)

    def _ready(self) -> Path:
        return self._path / _READY
