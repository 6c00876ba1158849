"""The index under writers, a mover, an eraser and a reader, with a crash at every statement.

An operation may be cut off before any of its statements, before its commit, or lose its answer
after it; then the index is opened again and the operation is repeated, as its process would. The
mover is the documented transaction of a switch, in rows; its plans and bytes are tested with it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import hypothesis.strategies as st
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import event

from overt_sinks.container import Object, build
from overt_sinks.index import Index, gone_rows, inventory_rows, reading_rows, tables
from overt_sinks.naming import Partition
from tests.conformance.postgres import server
from tests.sinks.made import WHERE, Segments, aside, taken

PEOPLE = ("p-000000000000000a", "p-000000000000000b")
LOST_ANSWER = 99
At = tuple[int, int]  # partition and offset


class Crash(BaseException):
    """The process ends here."""


class Cut(Index):
    """An index whose process ends before its nth statement; the commit is one too."""

    left: int | None = None

    def __init__(self, url: str) -> None:
        super().__init__(url)
        event.listen(self.pool, "before_cursor_execute", self._count)
        event.listen(self.pool, "commit", self._count)

    def _count(self, *_: object) -> None:
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise Crash


@dataclass(slots=True)
class Live:
    """A run that is to be read, and the offsets whose records it holds."""

    person: str
    offsets: set[At]


@dataclass(slots=True)
class Reader:
    cursor: int = 0
    read: set[At] = field(default_factory=set)


class Tiers(RuleBasedStateMachine):
    """``live`` is what readers must find; with ``aside`` and ``gone`` it is every offset once."""

    url: Callable[[Path], str]

    @initialize()
    def begin(self) -> None:
        self.folder = TemporaryDirectory()
        self.where = type(self).url(Path(self.folder.name))
        self.index = Cut(self.where)
        self.index.create()
        self.live: dict[str, Live] = {}
        self.old: dict[str, set[At]] = {}  # superseded runs
        self.objects: list[Object] = []
        self.ends = [0, 0]
        self.aside: set[At] = set()
        self.gone: set[At] = set()
        self.reader = Reader()
        self.moves = 0

    def teardown(self) -> None:
        if hasattr(self, "index"):
            self.index.close()
            self.folder.cleanup()

    def _does(self, crash: int | None, act: Callable[[], Any]) -> Any:
        """Do it, cut off before the statement ``crash`` if that comes; then do it again."""
        self.index.left = crash
        try:
            result = act()
            self.index.left = None
            if crash != LOST_ANSWER:
                return result
        except Crash:
            self._check()  # nothing of it is there
        self.index.close()
        self.index = Cut(self.where)
        self.index.create()
        return act()

    crashes = st.one_of(st.none(), st.integers(0, 6), st.just(LOST_ANSWER))

    @rule(
        part=st.integers(0, 1), crash=crashes,
        people=st.lists(st.sampled_from((*PEOPLE, "")), min_size=1, max_size=4),
    )  # fmt: skip
    def insert(self, part: int, people: list[str], crash: int | None) -> None:
        first = self.ends[part]
        where = Partition(topic=WHERE.topic, topic_id=WHERE.topic_id, number=part)
        records = [
            taken(first + n, Segments(person=who).part(size=8)) if who else aside(first + n)
            for n, who in enumerate(people)
        ]
        stored, _ = build(where, first, first + len(people) - 1, records)

        self._does(crash, lambda: self.index.insert(stored, 1))

        self.objects.append(stored)
        self.ends[part] += len(people)
        self.aside |= {(part, offset) for offset in stored.set_aside}
        placed = iter([first + n for n, who in enumerate(people) if who])
        for run, row in zip(stored.runs, self.index.runs(stored.name), strict=True):
            offsets = {(part, next(placed)) for _ in range(run.records)}
            self.live[row["run"]] = Live(run.first.person, offsets)

    @precondition(lambda self: self.objects)
    @rule(pick=st.integers(0), crash=crashes)
    def insert_again(self, pick: int, crash: int | None) -> None:
        stored = self.objects[pick % len(self.objects)]

        assert not self._does(crash, lambda: self.index.insert(stored, 2))

    @precondition(lambda self: self.live)
    @rule(person=st.sampled_from(PEOPLE), most=st.integers(1, 5), crash=crashes)
    def move(self, person: str, most: int, crash: int | None) -> None:
        sources = [name for name, run in self.live.items() if run.person == person][:most]
        if not sources:
            return
        target = f"person={person}/day=2026-11-25/class=input/{self.moves:020x}.avro"
        self.moves += 1

        self._does(crash, lambda: self._switch(sources, target))

        moved = set().union(*(self.live[name].offsets for name in sources))
        for name in sources:
            self.old[name] = self.live.pop(name).offsets
        self.live[target] = Live(person, moved)

    @precondition(lambda self: self.live)
    @rule(pick=st.integers(0), crash=crashes)
    def erase(self, pick: int, crash: int | None) -> None:
        name = list(self.live)[pick % len(self.live)]
        offsets = self.live[name].offsets

        self._does(crash, lambda: self._erase(name, offsets))

        del self.live[name]
        self.gone |= offsets

    @rule(limit=st.integers(1, 4))
    def poll(self, limit: int) -> None:
        with self.index.transaction() as db:
            page = reading_rows.segments(db, [], self.reader.cursor, limit)
        for run in page:
            assert run.run in self.live
            assert run.run not in self.old
            self.reader.read |= self.live[run.run].offsets
            self.reader.cursor = run.seen

    @rule()
    def poll_to_the_end(self) -> None:
        before = -1
        while before != self.reader.cursor:
            before = self.reader.cursor
            self.poll(3)

        wanted = set().union(*(run.offsets for run in self.live.values()))
        assert wanted <= self.reader.read

    @invariant()
    def each_offset_is_accounted_for_once(self) -> None:
        self._check()

    def _check(self) -> None:
        self.index.left = None
        with self.index.transaction(snapshot=True) as db:
            rows = list(inventory_rows.runs(db))
            objects = {row.object for row in inventory_rows.objects(db)}
            gone = list(gone_rows.all_gone(db))
        live = [row for row in rows if not row.superseded_ms]
        assert {row.run for row in live} == set(self.live)
        assert len({row.seen for row in live}) == len(live)
        assert {row.object for row in rows} <= objects
        spans = [
            (row.kafka_part, offset)
            for row in gone for offset in range(row.gone.first, row.gone.last + 1)
        ]  # fmt: skip
        held = [at for row in live for at in self.live[row.run].offsets]
        links = list(self.index.links())
        aside = [(link.kafka_part, offset) for link in links for offset in link.set_aside]
        ranges = [
            (link.kafka_part, offset)
            for link in links for offset in range(link.first_offset, link.last_offset + 1)
        ]  # fmt: skip
        assert sorted(held + spans + aside) == sorted(ranges)

    def _switch(self, sources: list[str], target: str) -> None:
        runs = tables.runs
        with self.index.transaction(writes=True) as db:
            named = runs.c.run.in_(sources)
            query = sa.select(runs).where(named, runs.c.superseded_ms == 0)
            rows = db.execute(query.with_for_update()).mappings().all()
            if len(rows) != len(sources):
                return  # it was done, and the answer was lost
            db.execute(tables.objects.insert(), {
                "object": target, "tier": "warm", "records": sum(row["records"] for row in rows),
                "bytes": 1, "sha256": "", "person": rows[0]["person"], "day": rows[0]["day"],
                "class": "input", "created_ms": 1,
            })  # fmt: skip
            new = {
                "run": target, "object": target, "seen": max(row["seen"] for row in rows),
                "records": sum(row["records"] for row in rows),
            }  # fmt: skip
            db.execute(runs.insert(), {**rows[0], **new})
            db.execute(runs.update().where(named).values(superseded_ms=5))

    def _erase(self, name: str, offsets: set[At]) -> None:
        with self.index.transaction(writes=True) as db:
            db.execute(tables.runs.delete().where(tables.runs.c.run == name))
            for part in (0, 1):
                ranges = [(offset, offset) for number, offset in offsets if number == part]
                gone_rows.add(db, WHERE.topic_id, part, ranges, gone_rows.ERASED, 9)


_QUIET = [HealthCheck.too_slow, HealthCheck.filter_too_much]


class OnSqlite(Tiers):
    url = staticmethod(lambda folder: f"sqlite:///{folder}/index.db")


class OnPostgres(Tiers):
    @staticmethod
    def url(_folder: Path) -> str:
        return server().url(server().database())

    def teardown(self) -> None:
        super().teardown()
        if hasattr(self, "where"):
            server().drop(str(sa.make_url(self.where).database))


TestOnSqlite = pytest.mark.timeout(120)(OnSqlite.TestCase)
TestOnSqlite.settings = settings(
    max_examples=30, stateful_step_count=25, deadline=None, suppress_health_check=_QUIET
)
TestOnPostgres = pytest.mark.timeout(120)(OnPostgres.TestCase)
TestOnPostgres.settings = settings(
    max_examples=8, stateful_step_count=25, deadline=None, suppress_health_check=_QUIET
)
