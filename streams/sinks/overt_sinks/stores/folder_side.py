"""What a directory needs beside obstore: bytes that are on the disk, and no leavings. SHELL.

obstore writes ``name#1`` and links it to its name. It does not sync: after a power cut a name could
stand with nothing in it while its offset is long committed. And a killed process leaves the ``#1``
behind, which no listing shows: the same as a half-done upload, so it is one here.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from overt_sinks.stores.failures import silent
from overt_sinks.stores.side import Upload, Version

_STAGED = re.compile(r"(.*)#(\d+)")


class FolderSide:
    """The hidden part of the bucket at ``root``."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def settle(self, name: str) -> None:
        """Sync a name's file, if there is one, and the directories above it."""
        path = self._root / name
        for each in (path, *path.parents):
            _sync(each)
            if each == self._root:
                return

    def versions(self, prefix: str) -> Iterator[Version]:
        """Yield nothing: what is overwritten here is gone."""
        del prefix
        return iter(())

    def delete_version(self, version: Version) -> None:
        """Do nothing: none was handed out."""

    def uploads(self, prefix: str) -> Iterator[Upload]:
        """Yield files that a writer left before they had their name; some may be being written."""
        for path in self._root.rglob("*#*"):
            staged = _STAGED.fullmatch(path.relative_to(self._root).as_posix())
            if staged is None or not staged[1].startswith(prefix):
                continue
            try:
                begun_ms = path.stat().st_mtime_ns // 1_000_000
            except FileNotFoundError:
                continue
            yield Upload(name=staged[1], id=staged[2], begun_ms=begun_ms)

    def abort(self, upload: Upload) -> None:
        """Remove the file."""
        try:
            (self._root / f"{upload.name}#{upload.id}").unlink(missing_ok=True)
        except OSError as exc:
            raise silent() from exc
        self.settle(upload.name)


def _sync(path: Path) -> None:
    try:
        handle = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return
    except OSError as exc:
        raise silent() from exc
    try:
        os.fsync(handle)
    except OSError as exc:
        raise silent() from exc
    finally:
        os.close(handle)
