"""Which objects expire, by class and day. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from overt_sinks.tiers.naming import DAY_MS, day_end_ms, day_of

NEVER = "0000-00-00"


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How many days each class is kept; 0 for ever."""

    days: Mapping[str, int]

    def last_day(self, class_: str, now_ms: int) -> str:
        """Return the last day whose records of a class have expired; ``NEVER`` if none does."""
        kept = self.days.get(class_, 0)
        return day_of(now_ms - (kept + 1) * DAY_MS) if kept else NEVER

    def expiring(self, now_ms: int) -> Iterator[tuple[str, str]]:
        """Yield each class that expires, and its last expired day."""
        for class_ in self.days:
            last = self.last_day(class_, now_ms)
            if last != NEVER:
                yield class_, last

    def expires_ms(self, class_: str, day: str) -> int | None:
        """Return when a day's records of a class expire; None for never."""
        end, kept = day_end_ms(day), self.days.get(class_, 0)
        return end + kept * DAY_MS if end is not None and kept else None
