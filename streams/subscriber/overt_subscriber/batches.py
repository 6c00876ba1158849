"""The set of batches of one stream of one boot: what is known, what is next, what is missing.

Content is identified by (device, boot, stream, batch) and by nothing else. The same raw hash twice
is a *repeat* and changes nothing; another raw hash for the same batch is a *clone*, and neither is
taken. Batches are handed on in order, once; a hole is passed when a tombstone, a notice or a clone
explains it, and otherwise only when the caller says that nothing more will come.

Pure: facts go in, verdicts and steps come out. One entry a batch is kept (a few hundred bytes for
a second of a stream), never content.
"""

from bisect import bisect_right, insort
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum

from overt_schemas.envelope.batch import SIGNED_REASONS
from overt_schemas.envelope.header import FIRST
from overt_schemas.ids import Stream

CLONE = "clone"
RAW_EXPIRED = "raw_expired"
ERASED = "erased"
UNEXPLAINED = "unexplained"


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamKey:
    """One stream of one boot of one device."""

    device: bytes
    boot: bytes
    stream: Stream


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """What the verified headers of a part, or the mark of a missing batch, say of one batch.

    ``reason`` is empty for a part. A mark does not know the batch's activity.
    """

    raw: bytes
    previous: bytes
    partition: int
    offset: int
    activity: int = -1
    first: bool = False
    final: bool = False
    reason: str = ""
    cloned: bool = False

    @property
    def is_content(self) -> bool:
        """Whether there is something to open."""
        return not self.reason and not self.cloned


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Raw records [from_offset, to_offset) of a partition expired unread."""

    partition: int
    from_offset: int
    to_offset: int


class Verdict(Enum):
    """What a fact turned out to be."""

    NEW = "new"  # keep what came with it
    REPEAT = "repeat"  # known already, in the same bytes
    AGAIN = "again"  # what a live feed brought, from the store as well, or the other way round
    CLONE = "clone"  # other bytes for a known batch: neither is taken
    FORGOTTEN = "forgotten"  # a signed tombstone beats the content
    LATE = "late"  # its place has been passed; order is not broken for it


@dataclass(frozen=True, slots=True, kw_only=True)
class Take:
    """The content of this batch is next."""

    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Hole:
    """Batches [first, last] are not there, for this reason."""

    first: int
    last: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OutOfScope:
    """Between two activities lie batches of a third: not ours, so not missing."""

    first: int
    last: int


Step = Take | Hole | OutOfScope


class BatchSet:
    """Everything known of one stream of one boot.

    Attributes:
        clones: batches in quarantine.
        breaks: batches whose header names another hash than the batch before them has.
        end: how many batches the boot had spooled, once a boot end says so.
    """

    __slots__ = ("_cursor", "_erased", "_facts", "_notices", "_numbers", "breaks", "clones", "end")

    def __init__(self) -> None:
        self._facts: dict[int, Fact] = {}
        self._numbers: list[int] = []
        self._cursor: int | None = None
        self._notices: list[Notice] = []
        self._erased: list[tuple[int, int]] = []
        self.end: int | None = None
        self.breaks = 0
        self.clones = 0

    def __iter__(self) -> Iterator[tuple[int, Fact]]:
        """Known batches with their facts, in order of their numbers."""
        return ((number, self._facts[number]) for number in self._numbers)

    def __len__(self) -> int:
        return len(self._numbers)

    @property
    def cursor(self) -> int:
        """Everything below has been handed on or passed; -1 while nothing has."""
        return -1 if self._cursor is None else self._cursor

    @property
    def is_behind(self) -> bool:
        """Whether something known has neither been handed on nor passed."""
        return bool(self._numbers) and self._numbers[-1] >= self.cursor

    def __contains__(self, number: int) -> bool:
        return number in self._facts

    def close(self, batches: int) -> None:
        """Learn from a boot end how many batches the boot had spooled."""
        self.end = max(batches, self.end or 0)

    def notice(self, notice: Notice) -> None:
        """Learn that raw records expired unread."""
        if notice not in self._notices:
            self._notices.append(notice)

    def erase(self, first: int, last: int) -> None:
        """Learn that the records of batches [first, last] were blanked in the store."""
        insort(self._erased, (first, last))

    def add(self, number: int, fact: Fact) -> Verdict:
        """Take one fact into the set, in any order, any number of times."""
        known = self._facts.get(number)
        if known is None:
            self._facts[number] = fact
            insort(self._numbers, number)
            return self._placed(number)
        if known.cloned or known.raw != fact.raw:
            self.clones += not known.cloned
            self._facts[number] = replace(known, cloned=True)
            return Verdict.CLONE
        # The first of two raw records is the one that lies in order: notices are laid beside it.
        first = min(known, fact, key=lambda f: f.offset)
        winner = max(known, fact, key=_strength)
        self._facts[number] = replace(winner, partition=first.partition, offset=first.offset)
        if _strength(fact) == _strength(known):
            return Verdict.REPEAT
        if winner is known:
            return Verdict.FORGOTTEN if known.reason else Verdict.REPEAT
        return Verdict.FORGOTTEN if fact.reason else self._placed(number)

    def advance(self, below: int, *, final: bool = False) -> list[Step]:
        """Return what may be handed on now, in order, up to but not including ``below``.

        ``below`` is a promise: no batch under it is on its way that is known of. ``final`` gives
        up on unexplained holes under it; else the first of them holds back all behind it.
        """
        steps: list[Step] = []
        while (step := self._next(below, final)) is not None:
            steps.append(step)
        return steps

    def parts(self) -> list[Take]:
        """Hand on the parts that follow without a hole, whatever else may be on its way.

        Marks wait for ``advance``: content that is still to come may win over them. A stream that
        has not begun begins here only with its very first batch, as nothing can come before that.
        """
        taken: list[Take] = []
        while True:
            number = self._cursor or 0
            fact = self._facts.get(number)
            if fact is None or not fact.is_content:
                return taken
            self._next(number + 1, False)
            taken.append(Take(number=number))

    def forget(self, number: int) -> None:
        """Unlearn a batch that has not been handed on: somebody will bring it again."""
        fact = self._facts.pop(number, None)
        if fact is not None:
            self.clones -= fact.cloned
            self._numbers.remove(number)

    def is_expired(self, lower: int | None, upper: int) -> bool:
        """Whether raw records between those of two known batches expired unread.

        A notice begins at what its processor had committed, which is behind what it had written:
        records that became parts lie in it as well, so it may begin before ``lower``.
        """
        above = self._facts[upper]
        start = 0 if lower is None else self._facts[lower].offset + 1
        return any(
            n.partition == above.partition
            and max(start, n.from_offset) < n.to_offset <= above.offset
            for n in self._notices
        )

    def explanation(self, lower: int | None, upper: int) -> str | None:
        """Return why all that lies between two known batches is not there, if something says so."""
        if self.is_expired(lower, upper):
            return RAW_EXPIRED
        below = 0 if lower is None else lower + 1
        for first, last in self._erased:
            if first <= below <= last:
                below = last + 1
        return ERASED if below >= upper else None

    def _placed(self, number: int) -> Verdict:
        return Verdict.LATE if self._cursor is not None and number < self._cursor else Verdict.NEW

    def _next(self, below: int, final: bool) -> Step | None:
        at = bisect_right(self._numbers, self.cursor - 1 if self._cursor is not None else -1)
        if at == len(self._numbers) or self._numbers[at] >= below:
            return None
        number, cursor = self._numbers[at], self._cursor
        if cursor is not None and number > cursor:
            step = self._pass(at, cursor, final)
            if step is not None:
                self._cursor = number
            return step
        fact = self._facts[number]
        if not self._is_chained(number, fact):
            self.breaks += 1
        self._cursor = number + 1
        if fact.is_content:
            return Take(number=number)
        return Hole(first=number, last=number, reason=CLONE if fact.cloned else fact.reason)

    def _pass(self, at: int, cursor: int, final: bool) -> Step | None:
        upper = self._numbers[at]
        lower = self._numbers[at - 1] if at else None
        if (reason := self.explanation(lower, upper)) is not None:
            return Hole(first=cursor, last=upper - 1, reason=reason)
        if lower is not None and is_apart(self._facts[lower], self._facts[upper]):
            return OutOfScope(first=cursor, last=upper - 1)
        return Hole(first=cursor, last=upper - 1, reason=UNEXPLAINED) if final else None

    def _is_chained(self, number: int, fact: Fact) -> bool:
        if number == 0:
            return fact.previous == FIRST
        before = self._facts.get(number - 1)
        return before is None or before.cloned or fact.cloned or before.raw == fact.previous


def is_apart(lower: Fact, upper: Fact) -> bool:
    """Whether two neighbours are the end and the start of activities that do not touch.

    A grant covers persons, a boot may have had several: what lies between belongs to another.
    """
    return lower.final and upper.first and upper.activity > lower.activity + 1


def _strength(fact: Fact) -> int:
    """Signed tombstones win over content; unsigned ones and withheld marks lose to it."""
    if not fact.reason:
        return 1
    return 2 if fact.reason in SIGNED_REASONS else 0
