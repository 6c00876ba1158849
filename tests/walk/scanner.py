"""Looks for a canary in whatever lies on a disk: files, and the rows of SQLite databases.

Forms and compression are `forms.py`'s. ``Report`` says how much was looked at, too: nothing found
in nothing is no proof, and 0 hits count only where a null sealer gives some.
"""

import errno
import os
import shutil
import sqlite3
import stat
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from tests.walk.forms import Canary, search

__all__ = ["Canary", "Hit", "Report", "scan", "search"]
_STRETCH, _OVERLAP = 64 * 1_048_576, 4 * 1_048_576  # a record on any topic has at most 1 MB
_SQLITE = b"SQLite format 3\0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A find in a file; ``form`` and ``way`` as in ``Found``, a row's table and column before."""

    path: Path
    form: str
    way: str


@dataclass(slots=True)
class Report:
    """What was found, and how much was looked at.

    Attributes:
        size_bytes: of all files, holes included.
        held_bytes: of those, without the holes: what was searched.
    """

    hits: list[Hit] = field(default_factory=list)
    files: int = 0
    rows: int = 0
    frames: int = 0
    size_bytes: int = 0
    held_bytes: int = 0

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
    report.size_bytes += status.st_size
    is_database = False
    with path.open("rb", buffering=0) as file:
        for at, data in _stretches(file.fileno()):
            report.held_bytes += len(data)
            is_database |= at == 0 and data.startswith(_SQLITE)
            _scan_bytes(data, canary, report, path, f"{at}+")
    if is_database:
        for place, value in _values(path):
            report.rows += 1
            _scan_bytes(value, canary, report, path, f"{place}:")


def _stretches(file: int) -> Iterator[tuple[int, bytes]]:
    """Yield what a file holds with its place, without the holes of a sparse one (Kafka's indexes).

    Stretches overlap by more than a record, so that whatever lies over a border is whole in one.
    """
    at, end = 0, os.fstat(file).st_size
    while at < end:
        try:
            start = os.lseek(file, at, os.SEEK_DATA)
            stop = os.lseek(file, start, os.SEEK_HOLE)
        except OSError as exc:
            if exc.errno != errno.ENXIO:
                raise
            return  # only a hole is left
        while start < stop:
            data = os.pread(file, min(_STRETCH, stop - start), start)
            if not data:
                return  # it was cut meanwhile
            yield start, data
            start += len(data) if start + len(data) >= stop else max(len(data) - _OVERLAP, 1)
        at = stop


def _scan_bytes(data: bytes, canary: Canary, report: Report, path: Path, place: str) -> None:
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
