"""Nothing is skipped: each partition's offsets must follow each other, from the committed one on.

After a rebalance Faust has been seen to jump over records without a word; they would come back
after the next restart, out of order, or never. Raw topics have contiguous offsets (no transactions,
no compaction), so a jump is always a fault and the process ends; its successor reads from what is
committed. Reading something *again* is no fault: that is what at-least-once means.
"""

from collections.abc import Hashable
from dataclasses import dataclass, field

EXIT_JUMPED = 75  # records were skipped or commits stand still: start again from what is committed


@dataclass(slots=True)
class Guard:
    """The next offset of each partition of this generation."""

    _next: dict[Hashable, int] = field(default_factory=dict)

    def jumped(self, tp: Hashable, offset: int, committed: int | None) -> int | None:
        """Return the offset that should have come, if ``offset`` lies behind it; else None.

        ``committed`` counts for the first record after an assignment only.
        """
        expected = self._next.get(tp, committed)
        if expected is not None and offset > expected:
            return expected
        self._next[tp] = offset + 1
        return None

    def clear(self) -> None:
        """Forget everything: partitions were revoked."""
        self._next.clear()
