"""One publication: what changed since the last one, in one commit, and then the clean-up. SHELL.

A crash leaves one of three things, and the next publication ends each: nothing but files that no
commit knows (they go once they are older than a publication may take), a commit whose needless
files are still there (the table lists them), or the whole. Two at once exclude each other.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from overt_schemas.errors import Transient
from overt_sinks.index.engine import Engine
from overt_sinks.publish import source_rows
from overt_sinks.publish.days import change
from overt_sinks.publish.place import Place
from overt_sinks.publish.source_rows import Row
from overt_sinks.publish.table import Published


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long things may take and stay, in seconds.

    Attributes:
        keep_s: how long a reader may go on with what it planned, unless something was erased.
        longest_s: the longest a publication takes; files without an owner stay as long.
    """

    keep_s: float = 600.0
    longest_s: float = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a publication did.

    Attributes:
        left_out: runs whose day is none of the calendar.
        removed: files that were deleted.
    """

    commit: str
    days: int
    rows: int
    dropped_days: int
    left_out: int
    removed: int


Tell = Callable[[int, int], None]


def publish(
    engine: Engine, place: Place, lock: Path, limits: Limits, now_s: Callable[[], float], tell: Tell
) -> Outcome:
    """Make the table say what the index says now.

    Raises:
        Transient: another publication is at work, or something does not answer; try again.
        Refused: an identity may not.
    """
    began = time.monotonic()
    with _alone(engine, lock):
        table = Published(place)
        try:
            there = {name for name, _ in table.files()}
            removed = _remove(place, [name for name in table.retired if name in there])
            with engine.transaction(snapshot=True) as db:
                wanted, left_out = source_rows.state(db)
                does = change(table.state, wanted)
                now_ms = round(now_s() * 1000)
                old = table.old_snapshots(now_ms, round(limits.keep_s * 1000))
                counted = _Counted(len(does.write), tell)
                if not does.is_none or old:
                    pages = counted.pages(db, does.write, began + limits.longest_s)
                    table.commit(wanted, does, pages, old)
                    removed += _remove(place, table.retired)
            removed += _remove(place, _orphans(table, now_s() - limits.longest_s))
            return Outcome(
                commit=wanted.commit, days=len(does.write), rows=counted.rows,
                dropped_days=len(set(does.drop) - set(does.write)), left_out=left_out,
                removed=removed,
            )  # fmt: skip
        finally:
            table.close()


@dataclass(slots=True)
class _Counted:
    days: int
    tell: Tell
    rows: int = 0

    def pages(
        self, db: sa.Connection, days: tuple[str, ...], until: float
    ) -> Iterator[tuple[str, list[Row]]]:
        for n, day in enumerate(days):
            self.tell(n, self.days)
            for page in source_rows.rows(db, day):
                # A file that is older than this may be taken for one that nobody will commit.
                if time.monotonic() > until:
                    raise Transient("the publication took too long", reason="publish")
                self.rows += len(page)
                yield day, page
        self.tell(self.days, self.days)


def _remove(place: Place, names: list[str]) -> int:
    for name in names:
        place.delete(name)
    return len(names)


def _orphans(table: Published, before_s: float) -> list[str]:
    live = table.live()
    return [name for name, made_s in table.files() if name not in live and made_s < before_s]


@contextmanager
def _alone(engine: Engine, lock: Path) -> Iterator[None]:
    """Exclude other publications of this machine and, by a PostgreSQL index, of all machines."""
    lock.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            raise Transient("another publication is at work", reason="publish") from exc
        if engine.pool.dialect.name != "postgresql":
            yield
            return
        with engine.transaction() as db:
            key = sa.func.hashtext("overt publish")
            if not db.execute(sa.select(sa.func.pg_try_advisory_xact_lock(key))).scalar():
                raise Transient("another publication is at work", reason="publish")
            yield
    finally:
        os.close(file)
