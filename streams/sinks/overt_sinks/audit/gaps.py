"""What of the log is in no object, and why: by offset, without naming anybody. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from overt_sinks.audit.account import Account
from overt_sinks.audit.contents import Source
from overt_sinks.index.gone_rows import GoneRange
from overt_sinks.naming import Partition

SHOWN = 1000


class Reason(Enum):
    """Why an offset is in no object."""

    HOLE = "hole"  # no object covers it, and it was committed
    ASIDE = "set aside"  # a dead letter: stream-ops dlq list
    ERASED = "erased"
    EXPIRED = "expired"
    UNACCOUNTED = "unaccounted"  # covered by an object, and nowhere


UNEXPLAINED = frozenset({Reason.HOLE, Reason.UNACCOUNTED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Offsets ``first`` to ``last``, both in it."""

    topic_id: str
    partition: int
    first: int
    last: int
    reason: Reason

    @property
    def count(self) -> int:
        """How many offsets it is."""
        return self.last - self.first + 1


def gaps(
    account: Account,
    gone: Iterable[GoneRange],
    committed: Mapping[Partition, int],
    *,
    quick: bool,
) -> Iterator[Gap]:
    """Yield every gap, partition by partition, in no order within one.

    With ``quick`` nothing was read, so nobody knows what is unaccounted.
    """
    for source, covered in account.covered.items():
        yield from (_gap(source, *hole, Reason.HOLE) for hole in covered.holes)
        for first, last in covered.ranges:
            for stretch in account.aside[source].within(first, last):
                yield _gap(source, *stretch, Reason.ASIDE)
    for partition, offset in committed.items():
        source = (partition.topic_id, partition.number)
        if offset > account.end(source):
            yield _gap(source, account.end(source), offset - 1, Reason.HOLE)
    for row in gone:
        why = Reason.ERASED if row.gone.why == Reason.ERASED.value else Reason.EXPIRED
        yield _gap((row.topic_id, row.kafka_part), row.gone.first, row.gone.last, why)
    if not quick and not account.are_unread():
        for source, first, last in account.unaccounted():
            yield _gap(source, first, last, Reason.UNACCOUNTED)


@dataclass(frozen=True, slots=True)
class Summary:
    """All gaps in order, at most ``SHOWN`` of them, and how many offsets each reason has."""

    gaps: tuple[Gap, ...]
    offsets: Mapping[Reason, int]
    left_out: int

    @classmethod
    def of(cls, found: Iterable[Gap]) -> "Summary":
        """Return the summary of what was found."""
        offsets = Counter[Reason]()
        kept, left_out = list[Gap](), 0
        for gap in found:
            offsets[gap.reason] += gap.count
            if len(kept) < SHOWN:
                kept.append(gap)
            else:
                left_out += 1
        kept.sort(key=lambda gap: (gap.topic_id, gap.partition, gap.first))
        return cls(gaps=tuple(kept), offsets=offsets, left_out=left_out)

    @property
    def is_explained(self) -> bool:
        """Whether there is a reason for each."""
        return not any(self.offsets.get(reason) for reason in UNEXPLAINED)

    def as_dict(self) -> dict[str, Any]:
        """Return everything for a program."""
        return {
            "explained": self.is_explained,
            "offsets": {reason.value: n for reason in Reason if (n := self.offsets.get(reason, 0))},
            "left_out": self.left_out,
            "gaps": [
                {
                    "topic_id": gap.topic_id, "partition": gap.partition, "first": gap.first,
                    "last": gap.last, "count": gap.count, "reason": gap.reason.value,
                }
                for gap in self.gaps
            ],
        }  # fmt: skip

    def as_text(self) -> str:
        """Return a line a gap, and the sums."""
        lines = [
            f"partition {gap.partition}, offsets {gap.first} to {gap.last} ({gap.count}):"
            f" {gap.reason.value}"
            for gap in self.gaps
        ]
        if self.left_out:
            lines.append(f"... and {self.left_out} more")
        sums = [f"{n} {reason.value}" for reason in Reason if (n := self.offsets.get(reason, 0))]
        lines.append(", ".join(sums) if sums else "no gaps")
        return "\n".join(lines)


def _gap(source: Source, first: int, last: int, reason: Reason) -> Gap:
    return Gap(topic_id=source[0], partition=source[1], first=first, last=last, reason=reason)
