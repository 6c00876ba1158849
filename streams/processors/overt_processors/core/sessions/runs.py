"""A set of batch numbers, as runs without a hole: what makes a repeat count once.

Numbers come almost in order, so a set is one run, or one more for each hole that nobody filled. A
set of ``LIMIT`` runs takes no number that would begin another one: it stays a true subset of what
was seen, so a session is never called complete by mistake, and it ends by other means.
"""

from bisect import bisect_right
from collections.abc import Iterable
from enum import Enum

from overt_schemas.records import Run

LIMIT = 64
Runs = list[tuple[int, int]]  # first and last of each, in order, never touching


class Added(Enum):
    """What became of a number."""

    NEW = "new"
    KNOWN = "known"
    OVER = "over"


def add(runs: Runs, number: int) -> Added:
    """Take a number into the set, in place."""
    if runs and runs[-1][1] + 1 == number:  # almost always
        runs[-1] = (runs[-1][0], number)
        return Added.NEW
    at = bisect_right(runs, number, key=_first) - 1  # the run that begins at or before the number
    if at >= 0 and number <= runs[at][1]:
        return Added.KNOWN
    left = at >= 0 and runs[at][1] + 1 == number
    right = at + 1 < len(runs) and runs[at + 1][0] == number + 1
    if left and right:
        runs[at : at + 2] = [(runs[at][0], runs[at + 1][1])]
    elif left:
        runs[at] = (runs[at][0], number)
    elif right:
        runs[at + 1] = (number, runs[at + 1][1])
    elif len(runs) >= LIMIT:
        return Added.OVER
    else:
        runs.insert(at + 1, (number, number))
    return Added.NEW


def holds(runs: Runs, number: int) -> bool:
    """Return whether the number is in the set."""
    at = bisect_right(runs, number, key=_first) - 1
    return at >= 0 and number <= runs[at][1]


def count(runs: Runs) -> int:
    """Return how many numbers the set holds."""
    return sum(last - first + 1 for first, last in runs)


def to_records(runs: Runs) -> tuple[Run, ...]:
    """Return the set as a session record carries it."""
    return tuple(Run(first=first, last=last) for first, last in runs)


def from_records(records: Iterable[Run]) -> Runs:
    """Return the set that a session record carries."""
    return [(run.first, run.last) for run in records]


def _first(run: tuple[int, int]) -> int:
    return run[0]
