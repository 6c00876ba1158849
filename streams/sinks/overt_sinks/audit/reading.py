"""Every object of a snapshot: read by some threads, compared by one. SHELL.

A few objects are in memory at a time. What is not as the snapshot says is asked of the index once
more before it is called a finding: a mover or an eraser may have been there meanwhile.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TypeVar

import sqlalchemy as sa

from overt_schemas.errors import Malformed, Permanent, Transient
from overt_sinks.audit import contents, rows
from overt_sinks.audit.account import Account
from overt_sinks.audit.compare import Subject, compare, pairs, whole
from overt_sinks.audit.contents import Contents, Source
from overt_sinks.audit.findings import Kind
from overt_sinks.audit.report import Tally
from overt_sinks.audit.tiers import Tiers
from overt_sinks.index import HOT, inventory_rows
from overt_sinks.index.engine import Engine
from overt_sinks.stores.failures import Archived
from overt_sinks.stores.store import NotFound

T = TypeVar("T")
Progress = Callable[[int, int], None]
# Hears of each object that is the same now as in the snapshot: what it holds, None if unreadable.
Seen = Callable[[Subject, Contents | None], None]
_TRIES, _AGAIN_S = 4, 0.5


@dataclass(slots=True, kw_only=True)
class Reading:
    """Compares all objects of a snapshot with their rows, and tells the account what stands.

    Attributes:
        unread: tier and name of what could not be read, or was another by then: no proof rests on
            it, and ``seen`` did not hear of it.
    """

    engine: Engine
    tiers: Tiers
    account: Account
    tally: Tally
    seen: Seen = lambda _subject, _contents: None
    unread: set[tuple[str, str]] = field(default_factory=set)

    def run(self, db: sa.Connection, workers: int, progress: Progress) -> None:
        """Read everything; the snapshot is ``db``'s.

        Raises:
            Transient: a store or the index gives no answer, several times.
        """
        total, done = rows.count_objects(db), 0
        waiting: deque[tuple[Subject, Future[Contents]]] = deque()
        pool = ThreadPoolExecutor(workers, thread_name_prefix="verify")
        try:
            for subject in subjects(db):
                waiting.append((subject, pool.submit(self._read, subject)))
                if len(waiting) > 2 * workers:
                    self._take(*waiting.popleft())
                    done += 1
                    progress(done, total)
            while waiting:
                self._take(*waiting.popleft())
                done += 1
                progress(done, total)
        finally:
            pool.shutdown(cancel_futures=True)

    def _read(self, subject: Subject) -> Contents:
        store = self.tiers.get(subject.row.tier)
        if store is None:
            raise Permanent(
                f"the index has objects in tier {subject.row.tier}: name its bucket in [store]",
                reason="settings",
            )
        return contents.read(patiently(lambda: store.read(subject.row.object)))

    def _take(self, subject: Subject, future: Future[Contents]) -> None:
        try:
            found = future.result()
        except (NotFound, Malformed) as exc:
            self._not_read(subject, isinstance(exc, NotFound))
            return
        except Archived:
            self.tally.archived += 1
            self.unread.add((subject.row.tier, subject.row.object))
            self._pass_unread(subject)
            return
        self.tally.objects += 1
        self.tally.size_bytes += found.size
        self.tally.leaving += subject.is_leaving
        if found.sha256 != subject.row.sha256 and self._has_changed(subject):
            self._excuse(subject)
            return
        compare(subject, found, self.account)
        self.seen(subject, found)

    def _not_read(self, subject: Subject, is_missing: bool) -> None:
        if is_missing and subject.is_leaving:
            self.tally.leaving += 1  # the bucket let go of it, its row follows
            self.seen(subject, None)
        elif self._has_changed(subject):
            self._excuse(subject)
        else:
            kind = Kind.MISSING if is_missing else Kind.UNREADABLE
            self.account.findings.add(whole(kind, subject))
            _pass_over(subject, self.account.told)
            self.seen(subject, None)

    def _has_changed(self, subject: Subject) -> bool:
        name = subject.row.object
        with self.engine.transaction() as db:
            now = rows.places(db, [name]).get(name)
        return now is None or (now.tier, now.sha256) != (subject.row.tier, subject.row.sha256)

    def _excuse(self, subject: Subject) -> None:
        self.unread.add((subject.row.tier, subject.row.object))
        if any(run.superseded_ms == 0 for run in subject.runs):
            self.tally.changed += 1
            self._pass_unread(subject)

    def _pass_unread(self, subject: Subject) -> None:
        """Let it be that what stands in an object was not met."""
        if subject.link is not None:
            _pass_over(subject, self.account.excused)
        else:
            active = (run.records for run in subject.runs if run.superseded_ms == 0)
            self.account.unread += sum(active)


def _pass_over(subject: Subject, ranges: dict[Source, list[tuple[int, int]]]) -> None:
    """Note what a hot object covers, so that not each offset of it is a finding."""
    if subject.link is not None:
        link = subject.link
        ranges[(link.topic_id, link.kafka_part)].append((link.first_offset, link.last_offset))


def subjects(db: sa.Connection) -> Iterator[Subject]:
    """Yield every object of the index with its runs, and hot ones with their link."""
    for subject in pairs(inventory_rows.objects(db), inventory_rows.runs(db)):
        if subject.row.tier == HOT:
            yield replace(subject, link=rows.link_of(db, subject.row.object))
        else:
            yield subject


def patiently(call: Callable[[], T]) -> T:
    """Return what ``call`` returns, asking again a few times if nothing answers."""
    for left in range(_TRIES, 0, -1):
        try:
            return call()
        except Transient:
            if left == 1:
                raise
        time.sleep(_AGAIN_S)
    raise AssertionError("the last try returns or raises")
