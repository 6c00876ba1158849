"""Which published records may be forgotten. Pure.

The broker acknowledges in any order; the spool may be trimmed only up to a number below which
nothing is missing. The ledger holds that number and the few acknowledged ones above it.
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """Everything below ``trim_point`` is delivered, and what is in ``early`` above it."""

    trim_point: int = 0
    early: frozenset[int] = frozenset()

    def acknowledge(self, numbers: Iterable[int]) -> "Ledger":
        """Return the ledger after acknowledgements; repeats and late ones change nothing."""
        early, point = self.early.union(numbers), self.trim_point
        while point in early:
            point += 1
        return Ledger(trim_point=point, early=frozenset(n for n in early if n > point))
