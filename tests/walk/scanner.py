"""Looks for a canary in whatever lies on a disk: files, and the rows of SQLite databases.

Forms and compression are `forms.py`'s. ``Report`` says how much was looked at, too: nothing found
in nothing is no proof, and 0 hits count only where a null sealer gives some.
"""

import mmap
import os
import shutil
import sqlite3
import stat
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from tests.walk.forms import Bytes, Canary, search

__all__ = ["Canary", "Hit", "Report", "scan", "search"]
_SQLITE = b"SQLite format 3\0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A find in a file; ``form`` and ``way`` as in ``Found``, a row's table and column before."""

    path: Path
    form: str
    way: str


@dataclass(slots=True)
class Report:
    """What was found, and how much was looked at."""

    hits: list[Hit] = field(default_factory=list)
    files: int = 0
    rows: int = 0
    frames: int = 0
    size_bytes: int = 0

    @property
    def forms(self) -> set[str]:
        """The forms in which the canary was found."""
        return {hit.form for hit in self.hits}


def scan(roots: Sequence[Path], canary: Canary) -> Report:
    """Return what all regular files under these files and folders hold; links are not followed.

    A file that may not be read raises ``PermissionError``: what was not looked at is not clean.
    One that is deleted meanwhile is no longer there to hold anything.
    """
    report = Report()
    for root in roots:
        for path in _files(root):
            try:
                _scan_file(path, canary, report)
            except FileNotFoundError:
                continue
    return report


def _files(root: Path) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            raise error

    if not root.is_dir():
        yield root
    for folder, _, names in os.walk(root, onerror=refuse):
        yield from (Path(folder, name) for name in sorted(names))


def _scan_file(path: Path, canary: Canary, report: Report) -> None:
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode):
        return
    report.files += 1
    if not status.st_size:
        return
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        report.size_bytes += len(data)
        _scan_bytes(data, canary, report, path, "")
        if data[: len(_SQLITE)] == _SQLITE:
            for place, value in _values(path):
                report.rows += 1
                _scan_bytes(value, canary, report, path, f"{place}:")


def _scan_bytes(data: Bytes, canary: Canary, report: Report, path: Path, place: str) -> None:
    def count() -> None:
        report.frames += 1

    for found in search(data, canary, on_frame=count):
        report.hits.append(Hit(path=path, form=found.form, way=place + found.way))


def _values(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield every text and blob of a SQLite database, write-ahead log included.

    In the file a long value is cut into pages; here it is whole. A copy is read, because even
    opening a database for reading may change the files beside it.
    """
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "copy.db")
        for suffix in ("", "-wal"):
            if (source := path.with_name(path.name + suffix)).exists():
                shutil.copyfile(source, copy.with_name(copy.name + suffix))
        with closing(sqlite3.connect(copy)) as db:
            db.text_factory = bytes
            tables = db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
            for (name,) in tables:
                table = name.decode().replace('"', '""')
                rows = db.execute(f'SELECT * FROM "{table}"')  # noqa: S608 - quoted above
                columns = [column[0] for column in rows.description]
                for row in rows:
                    for column, value in zip(columns, row, strict=True):
                        if isinstance(value, bytes):
                            yield f"{table}.{column}", value
