"""Letters and what was decided on them, as overt.deadletter.v1 tells it. Pure.

A letter is known by its place on that topic, ``partition:offset``. A verdict names the place. A
processor that crashed writes a letter again when it reads the record again: letters of one source
record with the same bytes are copies, and a verdict on one counts for all of them.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from overt_schemas.errors import Permanent
from overt_schemas.records import DeadLetter, Verdict

REDRIVEN, DISCARDED, NONE = "redriven", "discarded", "none"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Place:
    """Where a letter stands on the topic of dead letters."""

    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.partition}:{self.offset}"

    @staticmethod
    def parse(text: str) -> "Place":
        """Return the place that an operator typed.

        Raises:
            Permanent: it is none.
        """
        partition, _, offset = text.partition(":")
        if not (partition.isdecimal() and offset.isdecimal() and len(text) < 40):
            raise Permanent(
                f"{text[:40]!r} is no place of a letter: say PARTITION:OFFSET, as `dlq list` does",
                reason="place",
            )
        return Place(partition=int(partition), offset=int(offset))


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What is kept of a letter while listing: no byte of the record."""

    place: Place
    append_ms: int
    topic: str
    partition: int
    offset: int
    reason: str
    size: int
    digest: bytes
    processor: str
    verdict: Verdict | None = None

    @property
    def state(self) -> str:
        """``none``, ``redriven`` or ``discarded``."""
        return self.verdict.verdict if self.verdict else NONE

    @property
    def source(self) -> tuple[str, int, int, bytes]:
        """What tells a copy of this letter from another letter."""
        return self.topic, self.partition, self.offset, self.digest


@dataclass(slots=True)
class Book:
    """All letters read so far, and all verdicts."""

    _letters: dict[Place, Entry] = field(default_factory=dict)
    _verdicts: dict[Place, Verdict] = field(default_factory=dict)

    def take(self, place: Place, append_ms: int, record: DeadLetter | Verdict) -> None:
        """Take one record of the topic."""
        if isinstance(record, Verdict):
            # The first counts: what was redriven once cannot be taken back by a later record.
            on = Place(partition=record.partition, offset=record.offset)
            self._verdicts.setdefault(on, record)
            return
        digest = hashlib.sha256(record.key + b"\0" + record.value).digest()
        self._letters[place] = Entry(
            place=place, append_ms=append_ms, topic=record.topic, partition=record.partition,
            offset=record.offset, reason=record.reason, size=len(record.key) + len(record.value),
            digest=digest, processor=record.processor,
        )  # fmt: skip

    def entries(self) -> list[Entry]:
        """Return all letters, oldest first, each with the verdict on it or on a copy of it."""
        by_source = {
            self._letters[on].source: verdict
            for on, verdict in self._verdicts.items()
            if on in self._letters
        }
        return [
            replace(e, verdict=self._verdicts.get(e.place) or by_source.get(e.source))
            for e in sorted(self._letters.values(), key=lambda e: (e.append_ms, e.place))
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which letters are meant; what is empty filters nothing."""

    places: frozenset[Place] = frozenset()
    reasons: frozenset[str] = frozenset()
    topic: str = ""
    since_ms: int = 0
    state: str = ""

    def holds(self, entry: Entry) -> bool:
        """Return whether the letter is one of them."""
        return (
            (not self.places or entry.place in self.places)
            and (not self.reasons or entry.reason in self.reasons)
            and (not self.topic or entry.topic == self.topic)
            and entry.append_ms >= self.since_ms
            and (not self.state or entry.state == self.state)
        )


def once(entries: Iterable[Entry]) -> list[Entry]:
    """Return the first of each letter's copies: a record is redriven once."""
    firsts: dict[tuple[str, int, int, bytes], Entry] = {}
    for entry in entries:
        firsts.setdefault(entry.source, entry)
    return list(firsts.values())


def counts(entries: Iterable[Entry]) -> dict[str, dict[str, int]]:
    """Return by reason how many letters there are, and how many of them stand undecided."""
    listed = list(entries)
    total = Counter(entry.reason for entry in listed)
    undecided = Counter(entry.reason for entry in listed if entry.verdict is None)
    return {r: {"letters": n, "undecided": undecided[r]} for r, n in total.most_common()}
