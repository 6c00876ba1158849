"""What a reader was shown, small enough to compare: content is hashed as it passes. Pure.

Two readers of the same grant were shown the same if their transcripts are equal: the same sessions,
in each the same events in the same order. How late an event was shown is not part of it.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

LATENCY = "latency_ms"


class Transcript:
    """Grows by an event; two of them are equal if they were given the same events."""

    def __init__(self) -> None:
        self._sessions: dict[str, Any] = {}
        self.events = 0

    def add(self, event: Mapping[str, Any]) -> None:
        """Take the next event, as a line of the reader's JSON says it."""
        plain = {name: value for name, value in event.items() if name != LATENCY}
        line = json.dumps(plain, sort_keys=True).encode() + b"\n"
        self._sessions.setdefault(str(event["session"]), hashlib.sha256()).update(line)
        self.events += 1

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Transcript) and self._digests() == other._digests()

    __hash__ = None  # type: ignore[assignment]  # it grows

    def _digests(self) -> dict[str, bytes]:
        return {session: running.digest() for session, running in self._sessions.items()}


def percentile(values: Sequence[int], share: float) -> int | None:
    """Return the smallest value that so large a share of them does not exceed; None of none."""
    if not values:
        return None
    rank = -(-round(share * 10_000) * len(values) // 10_000)  # rounded up, without binary fractions
    return sorted(values)[max(rank, 1) - 1]
