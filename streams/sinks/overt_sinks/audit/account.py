"""The account of offsets: what the chain covers, and where each offset of it is. Pure.

It closes when the links of a partition follow each other without hole or overlap up to what was
committed, and each offset they cover is in exactly one of: a record that stands, ``set_aside``,
``gone``. Memory: three bits an offset, whatever the number of objects.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from overt_sinks.audit.contents import Source
from overt_sinks.audit.findings import Finding, Findings, Kind
from overt_sinks.audit.offsets import CHUNK, Numbers, Offsets, ranges, spread
from overt_sinks.index import Link
from overt_sinks.naming import Partition


@dataclass(slots=True)
class Covered:
    """What the links of one partition cover; they come in order."""

    ranges: list[tuple[int, int]] = field(default_factory=list)
    holes: list[tuple[int, int]] = field(default_factory=list)

    @property
    def end(self) -> int:
        """The offset behind the chain."""
        return self.ranges[-1][1] + 1 if self.ranges else 0

    @property
    def count(self) -> int:
        """How many offsets it covers."""
        return sum(last - first + 1 for first, last in self.ranges)


@dataclass(slots=True)
class Account:
    """What was met so far. Fed by one thread: links first, then gone, then what stands.

    Attributes:
        doubted: offsets that stand in objects which are not those in the index: they prove nothing.
        excused: offsets nobody can tell of, because their object changed meanwhile.
        told: offsets of objects that are missing or unreadable, which is one finding, not many.
        unread: how many records stand in objects that could not be read, at offsets nobody knows.
    """

    findings: Findings = field(default_factory=Findings)
    covered: dict[Source, Covered] = field(default_factory=lambda: defaultdict(Covered))
    met: dict[Source, Offsets] = field(default_factory=lambda: defaultdict(Offsets))
    aside: dict[Source, Offsets] = field(default_factory=lambda: defaultdict(Offsets))
    gone: dict[Source, Offsets] = field(default_factory=lambda: defaultdict(Offsets))
    doubted: dict[Source, Offsets] = field(default_factory=lambda: defaultdict(Offsets))
    excused: dict[Source, list[tuple[int, int]]] = field(default_factory=lambda: defaultdict(list))
    told: dict[Source, list[tuple[int, int]]] = field(default_factory=lambda: defaultdict(list))
    links: int = 0
    set_aside: int = 0
    gone_count: int = 0
    standing: int = 0
    unread: int = 0

    @property
    def is_closed(self) -> bool:
        """Whether every offset was met or is explained, and nothing is doubted or was not read."""
        return not self.unread and not self.doubted and not self.findings.counts[Kind.UNACCOUNTED]

    def link(self, link: Link) -> None:
        """Add the next link of its partition."""
        source = (link.topic_id, link.kafka_part)
        covered = self.covered[source]
        first, last = link.first_offset, link.last_offset
        self.links += 1
        if not covered.ranges:
            covered.ranges.append((first, last))
        elif first > covered.end:
            covered.holes.append((covered.end, first - 1))
            self._found(Kind.HOLE, source, covered.end, first - 1)
            covered.ranges.append((first, last))
        else:
            if first < covered.end:
                self._found(Kind.OVERLAP, source, first, min(last, covered.end - 1))
            begin, end = covered.ranges[-1]
            covered.ranges[-1] = (begin, max(end, last))
        if link.set_aside:
            self.set_aside += len(link.set_aside)
            offsets = spread([(offset, offset) for offset in link.set_aside])
            self.aside[source].add(offsets)
            self._meet(source, offsets)

    def leave(self, source: Source, first: int, last: int) -> None:
        """Add a range that is gone on purpose."""
        self.gone_count += last - first + 1
        for start in range(first, last + 1, CHUNK):
            offsets = spread([(start, min(last, start + CHUNK - 1))])
            self.gone[source].add(offsets)
            self._meet(source, offsets)

    def stand(self, source: Source, offsets: Numbers) -> None:
        """Add records that stand."""
        self.standing += len(offsets)
        self._meet(source, offsets)

    def returned(self, source: Source, offsets: Numbers) -> list[tuple[int, int]]:
        """Return which of these offsets are gone on purpose."""
        own = self.gone.get(source)
        return ranges(offsets[own.holds(offsets)]) if own is not None else []

    def end(self, source: Source) -> int:
        """Return the offset behind the partition's chain."""
        own = self.covered.get(source)
        return own.end if own else 0

    def committed(self, offsets: Mapping[Partition, int]) -> None:
        """Find what was committed and no link covers."""
        for partition, offset in offsets.items():
            source = (partition.topic_id, partition.number)
            end = self.end(source)
            if offset > end:
                self._found(Kind.UNCOVERED, source, end, offset - 1)

    def close(self) -> None:
        """Find what stands nowhere, and what stands and no link covers."""
        if not self.are_unread():
            for source, first, last in self.unaccounted(self.told):
                self._found(Kind.UNACCOUNTED, source, first, last)
        for source, met in self.met.items():
            at = 0
            for first, last in [*self.covered[source].ranges, (1 << 62, 1 << 62)]:
                if first > at:
                    for begin, end in met.within(at, first - 1):
                        self._found(Kind.UNLINKED, source, begin, end)
                at = last + 1

    def close_by_sums(self) -> None:
        """Find whether the index's figures add up; offset by offset nothing is known."""
        covers = sum(covered.count for covered in self.covered.values())
        told = self.standing + self.set_aside + self.gone_count
        if covers != told:
            self.findings.add(Finding(kind=Kind.SUMS, first=covers, last=told))

    def unaccounted(
        self, besides: Mapping[Source, list[tuple[int, int]]] | None = None
    ) -> Iterator[tuple[Source, int, int]]:
        """Yield the stretches that links cover and that are nowhere, nor in ``besides``."""
        for source, covered in self.covered.items():
            more = (besides or {}).get(source, [])
            left_out = sorted([*self.excused.get(source, ()), *more])
            for first, last in covered.ranges:
                for begin, end in self.met[source].stretches(first, last, met=False):
                    for low, high in _without(begin, end, left_out):
                        yield source, low, high

    def are_unread(self) -> bool:
        """Whether what was not met is just as much as stands where nobody could read it."""
        lost = sum(last - first + 1 for _, first, last in self.unaccounted(self.told))
        return 0 < lost == self.unread

    def _meet(self, source: Source, offsets: Numbers) -> None:
        for first, last in ranges(self.met[source].add(offsets)):
            self._found(Kind.REPEATED, source, first, last)

    def _found(self, kind: Kind, source: Source, first: int, last: int) -> None:
        self.findings.add(Finding(kind=kind, partition=source[1], first=first, last=last))


def _without(first: int, last: int, left_out: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield what of [first, last] is in none of the ranges, which are in order."""
    for begin, end in left_out:
        if end < first or begin > last:
            continue
        if begin > first:
            yield first, begin - 1
        first = max(first, end + 1)
    if first <= last:
        yield first, last
