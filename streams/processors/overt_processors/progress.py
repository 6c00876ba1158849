"""How a partition stands: what is committed, what there is, and since when nothing moved. Pure.

A partition stalls when there is something to read and the committed offset does not move, whatever
the process says of itself: a worker that is up, polls and even processes may commit nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One partition at the last look.

    Attributes:
        committed: the group's offset; None before the first is known.
        end: one behind the last record; None until the brokers have told.
        since_s: when the committed offset was first seen with lag behind it, or 0 without lag.
    """

    committed: int | None
    end: int | None
    since_s: float = 0.0

    @property
    def lag(self) -> int | None:
        """Records not committed yet; None where it is not known."""
        if self.committed is None or self.end is None:
            return None
        return max(0, self.end - self.committed)

    def stalled_s(self, now_s: float) -> float:
        """Return how long the committed offset has stood still with lag behind it."""
        return max(0.0, now_s - self.since_s) if self.lag else 0.0


def step(
    before: Mapping[int, Standing],
    seen: Mapping[int, tuple[int | None, int | None]],
    now_s: float,
) -> dict[int, Standing]:
    """Return how the partitions of ``seen`` (committed, end) stand after a look at ``now_s``."""
    after = {}
    for partition, (committed, end) in seen.items():
        fresh = Standing(committed=committed, end=end, since_s=now_s)
        known = before.get(partition)
        same = known is not None and known.lag and known.committed == committed
        after[partition] = (
            Standing(committed=committed, end=end, since_s=known.since_s)
            if same and known is not None
            else fresh
        )
    return after
