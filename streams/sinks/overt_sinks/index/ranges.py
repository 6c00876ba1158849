"""Ranges of offsets that no object holds any more: joined, and never counted twice. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """Offsets ``first`` to ``last``, both in it, whose records are gone on purpose.

    Attributes:
        at_ms: when the range last grew.
    """

    first: int
    last: int
    why: str
    at_ms: int


def joined(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the ranges in order, those that touch or overlap as one."""
    found: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return found


def settle(
    standing: Sequence[Gone], fresh: Iterable[tuple[int, int]], why: str, at_ms: int
) -> list[Gone]:
    """Return the rows that stand in place of ``standing`` once ``fresh`` is gone too.

    An offset that was gone already keeps its reason, so an order that is given again after a crash
    changes nothing. Neighbours of one reason become one row.
    """
    kept = sorted(standing, key=lambda gone: gone.first)
    added = [
        Gone(first=first, last=last, why=why, at_ms=at_ms)
        for first, last in _holes(kept, joined(fresh))
    ]
    rows: list[Gone] = []
    for gone in sorted((*kept, *added), key=lambda gone: gone.first):
        if rows and rows[-1].why == gone.why and rows[-1].last + 1 == gone.first:
            at = max(rows[-1].at_ms, gone.at_ms)
            rows[-1] = replace(rows[-1], last=gone.last, at_ms=at)
        else:
            rows.append(gone)
    return rows


def _holes(kept: Sequence[Gone], fresh: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield what of ``fresh``, joined and in order, no row of ``kept``, in order, covers."""
    at = 0
    for first, last in fresh:
        while at < len(kept) and kept[at].last < first:
            at += 1
        begin, n = first, at
        while n < len(kept) and kept[n].first <= last:
            if begin < kept[n].first:
                yield begin, kept[n].first - 1
            begin, n = kept[n].last + 1, n + 1
        if begin <= last:
            yield begin, last
