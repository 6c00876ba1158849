"""Commits must follow what is acknowledged: a worker whose commits stand still is ended.

Faust can go on processing for ever while nothing is committed any more (its own detector waits
300 s and only logs). A worker in that state repeats everything when it ends, so it had better end
soon.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field

INTERVALS = 3
# Three intervals of a second are also what one slow commit takes on a starved machine.
LEAST_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What was committed when, by partition, while something acknowledged was not."""

    interval_s: float
    since: Mapping[Hashable, tuple[int, float]] = field(default_factory=dict)

    def step(
        self,
        processed: Mapping[Hashable, int],
        committed: Mapping[Hashable, int | None],
        now_s: float,
    ) -> tuple["Watch", Hashable | None]:
        """Return the watch after a look, and a partition whose commits stand still, if any.

        ``processed`` is the next offset behind the last acknowledged one.
        """
        since: dict[Hashable, tuple[int, float]] = {}
        for tp, offset in processed.items():
            at = committed.get(tp) or 0
            if at >= offset:
                continue
            before = self.since.get(tp)
            since[tp] = before if before is not None and before[0] == at else (at, now_s)
        patience_s = max(LEAST_S, INTERVALS * self.interval_s)
        late = [tp for tp, (_, at_s) in since.items() if now_s - at_s >= patience_s]
        return Watch(interval_s=self.interval_s, since=since), late[0] if late else None
