"""A reader that polls misses nothing by a move, and reads what it listed, whatever movers do.

Sinks add objects, movers take runs together, expire old rows after their grace, carry objects from
tier to tier, an eraser takes a person's rows away; two readers (a small and a large cohort) page
and read in between, in any order.
"""

import sqlite3
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from overt_authority.grants.index import Index
from overt_schemas import index as contract

PEOPLE = ("p-1", "p-2", "")  # "": notices, which everybody sees
GRACE_MS = 3_600_000


@dataclass(slots=True, kw_only=True)
class Reader:
    """What one reader has: its cursor, what it listed and when, and the records of that."""

    people: list[str]
    after: int = 0
    listed: dict[str, int] = field(default_factory=dict)
    records: set[int] = field(default_factory=set)


@dataclass(slots=True, kw_only=True)
class Held:
    """A run that is in the index."""

    person: str
    records: frozenset[int]
    seen: int
    object: str
    superseded_ms: int = 0


class Moves(RuleBasedStateMachine):
    """The index under writers that follow the contract."""

    @initialize()
    def start(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        path = Path(self.folder.name) / "index.db"
        self.db = sqlite3.connect(path, isolation_level=None)
        self.db.execute("PRAGMA journal_mode=WAL")
        self.db.execute("PRAGMA synchronous=OFF")
        for statement in contract.DDL:
            self.db.execute(statement)
        self.index = Index(f"sqlite:///{path}")
        self.now_ms = self.number = self.seen = 0
        self.held: dict[str, Held] = {}
        self.tiers: dict[str, str] = {}
        self.erased: set[int] = set()
        self.born: dict[str, frozenset[int]] = {}
        others = [f"nobody-{n}" for n in range(80)]
        self.readers = [Reader(people=["p-1", "p-2"]), Reader(people=["p-1", "p-2", *others])]

    def teardown(self) -> None:
        if not hasattr(self, "index"):
            return
        try:
            for reader in self.readers:
                while self._list(reader, 3):
                    pass
                standing = {r for run in self.held.values() for r in run.records}
                assert standing - self.erased <= reader.records
        finally:
            self.index.close()
            self.db.close()
            self.folder.cleanup()

    @rule(people=st.lists(st.sampled_from(PEOPLE), min_size=1, max_size=4))
    def sink_adds(self, people: list[str]) -> None:
        name = self._object("hot")
        with self.db:
            self.db.execute("BEGIN IMMEDIATE")
            self._object_row(name)
            for person in people:
                self.seen += 1
                self._run_row(person, frozenset({self._next()}), self.seen, name)

    @rule(data=st.data())
    def mover_switches(self, data: st.DataObject) -> None:
        standing = [(n, run) for n, run in self.held.items() if not run.superseded_ms]
        if not standing:
            return
        _, first = data.draw(st.sampled_from(standing))
        own = [(n, run) for n, run in standing if run.person == first.person]
        chosen = data.draw(st.permutations(own))[: data.draw(st.integers(1, len(own)))]
        groups = []  # drawn before anything is done: a draw may end the example
        while chosen:
            size = data.draw(st.integers(1, min(3, len(chosen))))
            groups.append(chosen[:size])
            chosen = chosen[size:]
        name = self._object("warm")
        with self.db:
            self.db.execute("BEGIN IMMEDIATE")
            self._object_row(name)
            for sources in groups:
                records = frozenset(r for _, run in sources for r in run.records)
                seen = max(run.seen for _, run in sources)
                self._run_row(first.person, records, seen, name)
                for old, run in sources:
                    run.superseded_ms = self.now_ms + 1
                    self.db.execute(
                        "UPDATE runs SET superseded_ms = ? WHERE run = ?", (self.now_ms + 1, old)
                    )

    @rule()
    def mover_carries_to_cold(self) -> None:
        with self.db:
            self.db.execute("UPDATE objects SET tier = 'cold' WHERE tier = 'warm'")
        self.tiers = {n: "cold" if t == "warm" else t for n, t in self.tiers.items()}

    @rule(minutes=st.integers(1, 90))
    def time_passes_and_old_rows_go(self, minutes: int) -> None:
        self.now_ms += minutes * 60_000
        due = [
            name
            for name, run in self.held.items()
            if run.superseded_ms and run.superseded_ms - 1 + GRACE_MS <= self.now_ms
        ]
        self._remove(due)

    @rule(person=st.sampled_from(("p-1", "p-2")))
    def eraser_takes_a_person(self, person: str) -> None:
        gone = [name for name, run in self.held.items() if run.person == person]
        self.erased |= {r for name in gone for r in self.held[name].records}
        self._remove(gone)

    @rule(number=st.sampled_from((0, 1)), limit=st.integers(1, 4))
    def reader_lists(self, number: int, limit: int) -> None:
        self._list(self.readers[number], limit)

    @precondition(lambda self: any(reader.listed for reader in self.readers))
    @rule(data=st.data())
    def reader_reads(self, data: st.DataObject) -> None:
        reader = data.draw(st.sampled_from([r for r in self.readers if r.listed]))
        name = data.draw(st.sampled_from(sorted(reader.listed)))

        found = self.index.find([name]).get(name)

        known = self.held.get(name)
        if known is None:
            assert found is None
            # The grace is over, or somebody was erased: nothing else takes a run away.
            assert self.born[name] & self.erased or self.now_ms - reader.listed[name] >= GRACE_MS
        else:
            assert found is not None
            assert (found.object, found.tier) == (known.object, self.tiers[known.object])

    @invariant()
    def seen_is_unique_among_what_stands(self) -> None:
        standing = [run.seen for run in getattr(self, "held", {}).values() if not run.superseded_ms]
        assert len(standing) == len(set(standing))

    def _list(self, reader: Reader, limit: int) -> bool:
        page = self.index.page(reader.people, reader.after, limit)
        assert len(page.runs) <= limit
        assert page.after >= reader.after
        for run in page.runs:
            held = self.held[run.run]
            assert not held.superseded_ms
            assert reader.after < run.seen <= page.after
            # No record comes back alone: each run that is listed brings something new.
            assert not held.records <= reader.records
            reader.records |= held.records
            reader.listed[run.run] = self.now_ms
        reader.after = page.after
        return page.more or bool(page.runs)

    def _next(self) -> int:
        self.number += 1
        return self.number

    def _object(self, tier: str) -> str:
        name = f"o{self._next()}"
        self.tiers[name] = tier
        return name

    def _object_row(self, name: str) -> None:
        row = (name, self.tiers[name], 1, 1, "", "", "", "", 0)
        self.db.execute("INSERT INTO objects VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)

    def _run_row(self, person: str, records: frozenset[int], seen: int, name: str) -> None:
        run = f"r{self._next()}"
        self.born[run] = records
        self.held[run] = Held(person=person, records=records, seen=seen, object=name)
        kind = "part" if person else "notice"
        values = (run, name, 0, 1, len(records), kind, person, "", "", 0, 0, 0, 0, 0, "", seen, 0)
        self.db.execute(f"INSERT INTO runs VALUES ({', '.join('?' * len(values))})", values)  # noqa: S608

    def _remove(self, names: list[str]) -> None:
        for name in names:
            self.db.execute("DELETE FROM runs WHERE run = ?", (name,))
            self.held.pop(name)


TestMoves = Moves.TestCase
TestMoves.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
