"""Which runs of a reading become one byte range. Pure.

Runs are joined only where one begins at the byte where the one before it in the request ends, in
the same object: every byte of a range belongs to a run that was granted. What lies between two
blocks of a container (a count, a size, a marker) is nobody's, so it joins nothing.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from overt_authority.grants.index import Run

MOST_BYTES = 8 * 1_048_576  # of joined runs: what a reader has to hold of one answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One range of an object, and the runs whose bytes it is, in order."""

    tier: str
    object: str
    first: int
    size: int
    runs: tuple[str, ...]


def spans(runs: Iterable[Run]) -> Iterator[Span]:
    """Yield the ranges of runs, in the order of the runs."""
    held: list[Run] = []
    for run in runs:
        if held and not _joins(held, run):
            yield _span(held)
            held = []
        held.append(run)
    if held:
        yield _span(held)


def _joins(held: list[Run], run: Run) -> bool:
    last = held[-1]
    return (
        (last.tier, last.object) == (run.tier, run.object)
        and last.byte_from + last.byte_len == run.byte_from
        and run.byte_from + run.byte_len - held[0].byte_from <= MOST_BYTES
    )


def _span(held: list[Run]) -> Span:
    first, last = held[0], held[-1]
    return Span(
        tier=first.tier, object=first.object, first=first.byte_from,
        size=last.byte_from + last.byte_len - first.byte_from,
        runs=tuple(run.run for run in held),
    )  # fmt: skip
