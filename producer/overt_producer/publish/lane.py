"""One queue on its way to the broker: what was sent, what came back, what may be removed. Pure.

Rows get dense numbers as they are sent, because spool ids have holes. A refusal of any row means
that the rows behind it may arrive without it: then nothing more is sent until all are answered,
and everything from the first unacknowledged row goes again, in order. What arrives twice so is
known by its batch number and counted.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from overt_producer.publish.delivery import Ledger

BACK_OFF_S = 0.5
BACK_OFF_LIMIT_S = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """Where one queue stands.

    Attributes:
        cursor: id of the last row sent; ``trimmed`` of the last removed.
        ids: number -> row id of what is not removed yet.
        waiting: numbers without an answer.
        is_broken: a row was refused.
        failures: refusals in a row; ``not_before_s`` is when to try again (monotonic).
    """

    cursor: int = 0
    trimmed: int = 0
    next_number: int = 0
    ids: dict[int, int] = field(default_factory=dict)
    waiting: frozenset[int] = frozenset()
    ledger: Ledger = field(default_factory=Ledger)
    is_broken: bool = False
    failures: int = 0
    not_before_s: float = 0.0

    def sent(self, row: int) -> "Lane":
        """Return the lane after the client took a row."""
        number = self.next_number
        return replace(
            self, cursor=row, next_number=number + 1, ids={**self.ids, number: row},
            waiting=self.waiting | {number},
        )  # fmt: skip

    def answered(self, good: Iterable[int], bad: Iterable[int]) -> tuple["Lane", list[int]]:
        """Return the lane after answers, and the row ids that may now be removed."""
        good, bad = frozenset(good), frozenset(bad)
        ledger = self.ledger.acknowledge(good)
        done = [number for number in sorted(self.ids) if number < ledger.trim_point]
        rows = [self.ids[number] for number in done]
        lane = replace(
            self, ledger=ledger, waiting=self.waiting - good - bad,
            ids={n: row for n, row in self.ids.items() if n >= ledger.trim_point},
            trimmed=rows[-1] if rows else self.trimmed,
            is_broken=self.is_broken or bool(bad),
            failures=0 if good and not bad else self.failures,
        )  # fmt: skip
        return lane, rows

    def refused(self, now_s: float) -> "Lane":
        """Return the lane after a refusal: it waits, twice as long each time."""
        wait_s = min(BACK_OFF_S * 2**self.failures, BACK_OFF_LIMIT_S)
        return replace(self, failures=self.failures + 1, not_before_s=now_s + wait_s)

    def is_open(self, now_s: float) -> bool:
        """Return whether rows may be sent now."""
        return not self.is_broken and now_s >= self.not_before_s

    def rewound(self) -> "Lane":
        """Return the lane with everything unacknowledged to be sent again."""
        return Lane(
            cursor=self.trimmed, trimmed=self.trimmed, failures=self.failures,
            not_before_s=self.not_before_s,
        )  # fmt: skip
