"""From samples of offsets to lag, rate and stalls, by partition. Pure.

Whether a partition moves is judged by what its group has *committed*, as the brokers tell it: a
process can be up, poll, process and answer its probes while nothing is committed any more.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

Spot = tuple[str, int]  # stage, partition


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One partition as a group meets it, at one moment; ``committed`` is None where none is."""

    start: int
    end: int
    committed: int | None

    @property
    def lag(self) -> int:
        """Records the group has not committed; of no committed offset all there are."""
        return max(0, self.end - max(self.start, self.committed or 0))

    @property
    def expired(self) -> int:
        """Records that are gone and were never committed."""
        return max(0, self.start - self.committed) if self.committed is not None else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A partition over some samples.

    Attributes:
        first: the first sample, and when it was taken (a monotonic clock's seconds).
        since_s: since when there was lag at every sample and the committed offset was the same.
    """

    seen: Seen
    at_s: float
    first: Seen
    first_s: float
    since_s: float

    @property
    def rate(self) -> float:
        """Records committed a second since the first sample."""
        took_s = self.at_s - self.first_s
        moved = (self.seen.committed or 0) - (self.first.committed or 0)
        return moved / took_s if took_s > 0 else 0.0

    @property
    def still_s(self) -> float:
        """How long it has been standing still with lag."""
        return self.at_s - self.since_s if self.seen.lag else 0.0

    @property
    def has_moved(self) -> bool:
        """Whether it was seen without lag, or with progress."""
        return self.seen.lag == 0 or self.since_s > self.first_s


def step(
    before: Mapping[Spot, Standing], seen: Mapping[Spot, Seen], now_s: float
) -> dict[Spot, Standing]:
    """Return how each partition stands after the samples of ``now_s``."""
    after = {}
    for spot, sample in seen.items():
        known = before.get(spot)
        if known is None:
            after[spot] = Standing(
                seen=sample, at_s=now_s, first=sample, first_s=now_s, since_s=now_s
            )
            continue
        stands = known.seen.lag > 0 and sample.committed == known.seen.committed
        since_s = known.since_s if stands else now_s
        after[spot] = replace(known, seen=sample, at_s=now_s, since_s=since_s)
    return after


def stalled(standings: Mapping[Spot, Standing], after_s: float) -> list[Spot]:
    """Return the partitions that have lag and committed nothing for so long."""
    return [spot for spot, s in standings.items() if s.seen.lag and s.still_s >= after_s]


def undecided(standings: Mapping[Spot, Standing], after_s: float) -> bool:
    """Return whether some partition neither moved nor stood still for long enough to tell."""
    return any(not s.has_moved and s.still_s < after_s for s in standings.values())


def lag(seen: Mapping[Spot, Seen], stages: Iterable[str] | None = None) -> int:
    """Return how many records are left, in these stages or in all."""
    only = None if stages is None else set(stages)
    return sum(s.lag for (stage, _), s in seen.items() if only is None or stage in only)
