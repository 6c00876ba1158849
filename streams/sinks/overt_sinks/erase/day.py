"""Erases one person's day from every tier. SHELL: repeatable, whatever killed it before.

In this order, because what is found last is found by what is erased first:

1. moves that are planned for the day are cancelled, and the names of their targets taken, so that a
   mover in the middle of one can neither switch to its copy nor leave it behind;
2. hot objects that runs of the day point into are blanked (``blank.py``), old versions purged;
3. each warm and cold object of the day: hot objects that still hold its records, with no run left
   to say so, are blanked; then it is removed from both buckets with all versions.

4. the names of moves of the day that were done are taken, for the mover that hangs in one.

It looks again until nothing is left. A sink that stores more of that day meanwhile is not stopped
here, that is what refusing the person upstream is for: what came meanwhile is counted and told. An
object that stands in hot and is not in the index yet is looked at as well, and counted.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from overt_schemas.clock import Clock
from overt_schemas.errors import Malformed, OvertError, Transient
from overt_sinks import container, telemetry
from overt_sinks.erase import rows
from overt_sinks.erase.blank import Blanked, blank
from overt_sinks.erase.rows import PersonDay
from overt_sinks.index import HOT, gone_rows
from overt_sinks.index.engine import Engine
from overt_sinks.index.values import Standing
from overt_sinks.placing import Place
from overt_sinks.stores.store import Archived, Changed, NotFound
from overt_sinks.tiers import buckets, move_rows, object_rows, removal
from overt_sinks.tiers.buckets import Buckets
from overt_sinks.tiers.naming import Group
from overt_sinks.tiers.plan import State
from overt_sinks.tiers.step import READINGS

Tell = Callable[[int, int], None]
_PASSES = 4
_TRIES = 5  # of an object that others replace


@dataclass(slots=True)
class Erased:
    """What was done. ``records`` are those of the index; ``left`` is what came meanwhile."""

    rewritten: int = 0
    deleted: int = 0
    cancelled: int = 0
    records: int = 0
    left: int = 0


class Eraser:
    """Erases one day of one person."""

    def __init__(self, engine: Engine, tiers: Buckets, clock: Clock, whose: PersonDay) -> None:
        self._engine = engine
        self._tiers = tiers
        self._clock = clock
        self._whose = whose
        self._group = Group(person=whose.person, day=whose.day, class_="")
        self.done = Erased()
        self._failed: OvertError | None = None

    def run(self, tell: Tell) -> Erased:
        """Erase, and return what was done.

        Raises:
            Refused: the person is on hold; reason ``held``.
            Transient: store or index do not answer; call again.
            Malformed: an object is not what the index says; the others are erased.
            Archived: an object must be thawed first; the others are erased.
        """
        for _ in range(_PASSES):
            self._pass(tell)
            if self._failed or not self._left():
                break
        if self._failed:
            raise self._failed
        self._retire()
        self.done.left = self._left() + self._pending()
        telemetry.day_erased(
            self.done.rewritten + self.done.deleted, self.done.records, self.done.left
        )
        return self.done

    def _pass(self, tell: Tell) -> None:
        self._cancel()
        with self._engine.transaction() as db:
            hot = rows.hot_objects(db, self._whose)
            own = rows.own_objects(db, self._whose)
        total = len(hot) + len(own)
        for n, name in enumerate(hot):
            tell(n, total)
            self._each(partial(self._blank, name))
        for n, row in enumerate(own):
            tell(len(hot) + n, total)
            self._each(partial(self._remove, row))
        tell(total, total)

    def _cancel(self) -> None:
        with object_rows.deciding(self._engine) as db:
            removal.refuse_held(db, self._whose.person)
            for found in move_rows.written(db, State.PLANNED, group=self._group):
                self.done.cancelled += move_rows.cancel(db, found.move.id, self._now_ms())
        self._take_names()

    def _take_names(self) -> None:
        """Take the names of cancelled moves, under the lock: nobody plans them anew meanwhile."""
        with self._engine.transaction() as db:
            cancelled = move_rows.written(db, State.CANCELLED, group=self._group)
        for found in cancelled:
            with object_rows.deciding(self._engine) as db:
                if move_rows.is_as_before(db, found):
                    buckets.block(self._tiers[found.move.tier], found.move.target)

    def _retire(self) -> None:
        """Take the names of moves that were done, too: a mover that hangs may still be at one."""
        with object_rows.deciding(self._engine) as db:
            if rows.left(db, self._whose):
                return
            for found in move_rows.written(db, State.SWITCHED, State.DONE, group=self._group):
                move_rows.retire(db, found.move.id, self._now_ms())
        self._take_names()

    def _each(self, call: Callable[[], None]) -> None:
        """Go on to the next object whatever is wrong with this one; ``run`` raises it at last."""
        try:
            call()
        except (Malformed, Archived) as exc:
            self._failed = self._failed or exc
        except NotFound as exc:
            missing = Malformed(
                "an object is not where the index says: run overt-sink verify",
                reason="source_differs",
            )
            missing.__cause__ = exc
            self._failed = self._failed or missing

    def _blank(self, name: str) -> None:
        """Blank the day's records in a hot object, and take their runs out of the index."""
        for _ in range(_TRIES):
            try:
                etag, blanked = self._blanked(name)
                self._put(name, etag, blanked)
            except Changed:
                continue
            except NotFound:
                with self._engine.transaction() as db:
                    if object_rows.is_leaving(db, name):
                        return  # the mover deletes it just now
                raise
            return
        raise Transient("an object is replaced again and again: call again", reason="store")

    def _blanked(self, name: str) -> tuple[str, Blanked]:
        bucket = self._tiers[HOT]
        for _ in range(READINGS - 1):
            etag = bucket.head(name).etag
            try:
                return etag, blank(bucket.read(name), self._is_of_the_day)
            except Malformed:
                continue  # a byte may have gone wrong on its way
        etag = bucket.head(name).etag
        return etag, blank(bucket.read(name), self._is_of_the_day)

    def _put(self, name: str, etag: str, blanked: Blanked) -> None:
        """Put the object in place of the old one, and change its rows.

        Both under the lock of the tiers: two erasers of one object would else leave the hash of the
        slower one in the index. The rows change last, so a crash before is found again by them.
        """
        bucket = self._tiers[HOT]
        with object_rows.deciding(self._engine) as db:
            removal.refuse_held(db, self._whose.person)
            if blanked.records:
                bucket.replace(name, blanked.data, etag)
            elif bucket.head(name).etag != etag:
                raise Changed("another object stands there", reason="changed")
            bucket.purge(name)
            own = rows.runs_in(db, self._whose, name)
            active = [run for run in own if not run.superseded_ms]
            offsets = removal.offsets_of(blanked.data, active)
            records = removal.write_gone(db, offsets, gone_rows.ERASED, self._now_ms())
            object_rows.drop_runs(db, [run.run for run in own])
            rows.set_sha256(db, name, hashlib.sha256(blanked.data).hexdigest())
        self.done.rewritten += bool(blanked.records)
        self.done.records += records

    def _remove(self, row: Standing) -> None:
        with self._engine.transaction() as db:
            runs = object_rows.active_runs(db, row.object)
        try:
            data = removal.read_whole(self._tiers, row) if runs else b""
        except (Malformed, NotFound):
            if object_rows.is_as_before(self._engine, row):
                raise
            return  # somebody else moves or removes it: the next pass sees what is left
        with self._engine.transaction() as db:
            hidden = object_rows.hot_of(db, removal.offsets_of(data, runs))
        for name in hidden:
            self._blank(name)
        count = removal.remove(
            self._engine, self._tiers, row, data, gone_rows.ERASED, self._now_ms(),
            lambda _db: True,
        )  # fmt: skip
        self.done.deleted += 1
        self.done.records += count or 0

    def _left(self) -> int:
        with self._engine.transaction() as db:
            return rows.left(db, self._whose)

    def _pending(self) -> int:
        """Return how many records of the day stand in objects that the index does not have yet."""
        with self._engine.transaction() as db:
            names = list(rows.next_names(db))
        count = 0
        for name in names:
            try:
                found, _ = container.read(self._tiers[HOT].read(name))
            except NotFound:
                continue
            count += sum(run.records for run in found.runs if self._is_of_the_day(run.first))
        return count

    def _is_of_the_day(self, place: Place) -> bool:
        return (place.person, place.day) == (self._whose.person, self._whose.day)

    def _now_ms(self) -> int:
        return self._clock.wall_us() // 1000
