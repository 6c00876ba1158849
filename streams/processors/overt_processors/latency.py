"""How long records take, in buckets: an addition a record, summed up when somebody asks."""

from bisect import bisect_left

# From what a quiet partition takes to what a restart, then an outage costs.
_BOUNDS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0)


class Histogram:
    """Seconds by bucket. One thread observes, any may read."""

    def __init__(self, bounds_s: tuple[float, ...] = _BOUNDS_S) -> None:
        self._bounds_s = bounds_s
        self._numbers = [0] * (len(bounds_s) + 1)
        self._total_s = 0.0

    def observe(self, seconds: float) -> None:
        """Count one record; clocks of two machines may make it negative, which counts as none."""
        seconds = max(0.0, seconds)
        self._numbers[bisect_left(self._bounds_s, seconds)] += 1
        self._total_s += seconds

    def cumulative(self) -> tuple[list[tuple[str, int]], float]:
        """Return (upper bound, records up to it) rising, the last one ``+Inf``, and the sum."""
        rows, total = [], 0
        for bound, number in zip((*map(str, self._bounds_s), "+Inf"), self._numbers, strict=True):
            total += number
            rows.append((bound, total))
        return rows, self._total_s
