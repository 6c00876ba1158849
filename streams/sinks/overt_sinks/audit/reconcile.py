"""`overt-sink reconcile`: objects against index against stores, and what would mend them. SHELL.

Everything is read as `verify` reads it, then each thing that stands wrong is decided by
``mending``. Nothing is changed here.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from overt_schemas.errors import Malformed
from overt_sinks.audit import contents, mend_rows, mending, rows
from overt_sinks.audit.compare import Subject
from overt_sinks.audit.contents import Contents, Source
from overt_sinks.audit.mending import Do, Left, Plan, Step, World
from overt_sinks.audit.reading import Progress, Reading, patiently
from overt_sinks.audit.report import Report
from overt_sinks.audit.tiers import PROBES, Odd, Standing, Tiers, odd, open_tiers, stands
from overt_sinks.audit.verify import committed_offsets, load_ledger
from overt_sinks.index import HOT, Index, Link
from overt_sinks.naming import Partition, parse_object
from overt_sinks.settings import Settings
from overt_sinks.stores.failures import Archived
from overt_sinks.stores.store import NotFound


@dataclass(slots=True, kw_only=True)
class Survey:
    """One pass over an index and its buckets.

    Attributes:
        world: what the decisions rest on; whoever carries them out asks it again.
        grace_ms: how long what was moved away may still be read where it stood.
    """

    index: Index
    tiers: Tiers
    world: World
    grace_ms: int
    report: Report
    _spent: list[tuple[Subject, bool]] = field(default_factory=list)
    _bad: set[tuple[str, str]] = field(default_factory=set)

    @property
    def grace_over_ms(self) -> int:
        """What was superseded before may lose its rows."""
        return self.world.now_ms - self.grace_ms

    def plan(self, workers: int, progress: Progress) -> Plan:
        """Read everything and return what would mend it."""
        account = self.world.account
        with self.index.transaction(snapshot=True) as db:
            load_ledger(db, account)
            reading = Reading(
                engine=self.index, tiers=self.tiers, account=account, tally=self.report.tally,
                seen=self._see,
            )  # fmt: skip
            reading.run(db, workers, progress)
            self._bad |= reading.unread
            old = mend_rows.superseded(db, self.grace_over_ms)
        self.report.note_unread()
        account.committed(self.world.committed)
        account.close()
        found = Plan()
        for decided in (*self._strays(), *self._leaving(), *self._released(old)):
            found.add(decided)
        deleted = {(s.tier, s.object) for s in found.steps if s.do is Do.DELETE}
        for decided in self._hidden(deleted):
            found.add(decided)
        return found

    def read(self, tier: str, name: str) -> Contents | None:
        """Return what an object holds, or None if it is gone, not ours or not whole."""
        try:
            return contents.read(patiently(lambda: self.tiers[tier].read(name)))
        except (NotFound, Malformed, Archived):
            return None

    def _see(self, subject: Subject, found: Contents | None) -> None:
        row = subject.row
        if found is None or found.sha256 != row.sha256:
            self._bad.add((row.tier, row.object))
        if all(0 < run.superseded_ms < self.grace_over_ms for run in subject.runs):
            # Decided once everything was read; until then its bytes need not stay in memory.
            self._spent.append((replace(subject, runs=()), found is not None))

    def _strays(self) -> Iterator[Step | Left]:
        hot: dict[Source, list[tuple[int, Odd]]] = defaultdict(list)
        for item in list(odd(self.index, self.tiers)):
            if item.standing in (Standing.MOVING, Standing.BLOCKED):
                continue
            chain = _chain(item)
            if chain is not None:
                partition, first = chain
                hot[(partition.topic_id, partition.number)].append((first, item))
            elif item.elsewhere:
                yield self._copy(item)
            elif not item.size:
                yield Step(do=Do.DELETE, tier=item.tier, object=item.name)
            else:
                found = self.read(item.tier, item.name)
                yield mending.stray(self.world, item.tier, item.name, found, chain=None)
        for source, items in hot.items():
            yield from self._of_chain(source, sorted(items, key=lambda pair: pair[0]))

    def _of_chain(self, source: Source, items: list[tuple[int, Odd]]) -> Iterator[Step | Left]:
        """Decide on hot objects without a row, in the order of their chain."""
        end = self.world.account.end(source)
        for first, item in items:
            found = self.read(HOT, item.name)
            link = self._link(item.name)
            if link is not None:
                yield mending.linked_stray(self.world, link, found)
            elif first == end and found is not None:
                yield Step(do=Do.ADOPT, tier=HOT, object=item.name, count=found.records)
                end = found.decimal("last_offset") + 1
            else:
                partition, _ = parse_object(item.name)
                yield mending.stray(self.world, HOT, item.name, found, chain=partition)

    def _copy(self, item: Odd) -> Step | Left:
        found = self.read(item.tier, item.name)
        with self.index.transaction() as db:
            place = rows.places(db, [item.name]).get(item.name)
        return mending.copy(
            item.tier, item.name, original=item.elsewhere,
            is_whole=(item.elsewhere, item.name) not in self._bad,
            is_same=found is not None and place is not None and found.sha256 == place.sha256,
        )  # fmt: skip

    def _leaving(self) -> Iterator[Step | Left]:
        for subject, was_read in self._spent:
            row = subject.row
            found = self.read(row.tier, row.object) if was_read else None
            if found is None and stands(self.tiers[row.tier], row.object):
                yield Left(why="it cannot be read", tier=row.tier, object=row.object)
                continue
            decided = mending.spent(self.world, row.tier, row.object, found, subject.link)
            if decided is not None:
                yield decided

    def _released(self, old: int) -> Iterator[Step | Left]:
        if not old:
            return
        if self.world.account.is_closed:
            yield Step(do=Do.RELEASE, tier="", object="", count=old)
        else:
            yield Left(why="superseded rows stay while offsets are unaccounted", tier="", object="")

    def _hidden(self, deleted: set[tuple[str, str]]) -> Iterator[Step | Left]:
        for tier, store in self.tiers.items():
            counts = Counter(version.name for version in store.versions(""))
            names = [n for n in counts if not n.startswith(PROBES) and (tier, n) not in deleted]
            with self.index.transaction(snapshot=True) as db:
                places, moved = rows.places(db, names), rows.moves_to(db, names)
            for name in names:
                place = places.get(name)
                if place is not None and place.tier == tier:
                    is_known = (tier, name) not in self._bad
                else:
                    is_known = place is not None or name in moved or self._is_over(name)
                    is_known &= self.world.account.is_closed
                yield mending.hidden(tier, name, counts[name], is_known=is_known)

    def _is_over(self, name: str) -> bool:
        """Whether the chain knows a hot object, and each offset of it stands or is explained."""
        link = self._link(name)
        if link is None:
            return False
        met = self.world.account.met[(link.topic_id, link.kafka_part)]
        return next(met.stretches(link.first_offset, link.last_offset, met=False), None) is None

    def _link(self, name: str) -> Link | None:
        with self.index.transaction() as db:
            return rows.link_of(db, name)


def survey(config: Settings, now_ms: int) -> Survey:
    """Return a survey of what the settings name; nothing is read yet."""
    index = Index.existing(config.index.url)
    report = Report()
    tiers = config.tiers
    world = World(
        account=report.account, committed=committed_offsets(config, report.unproven),
        now_ms=now_ms, min_hot_age_ms=tiers.min_hot_age_s * 1000,
    )  # fmt: skip
    return Survey(
        index=index,
        tiers=open_tiers(config),
        world=world,
        grace_ms=tiers.grace_s * 1000,
        report=report,
    )


def _chain(item: Odd) -> tuple[Partition, int] | None:
    """Return the partition and first offset of a hot object's name."""
    if item.tier != HOT:
        return None
    try:
        return parse_object(item.name)
    except Malformed:
        return None
