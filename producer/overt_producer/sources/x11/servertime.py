"""The X server's 32-bit milliseconds as 64-bit milliseconds of ``CLOCK_MONOTONIC``. Pure.

A local X server stamps with ``CLOCK_MONOTONIC`` itself, cut to 32 bits: it wraps after 49.7 days
of uptime. Another server (remote, nested in a container) may count from elsewhere; its offset is
measured once.
"""

from dataclasses import dataclass

WRAP = 1 << 32
# A round trip on a busy machine takes up to about 100 ms; less than a second apart is one clock.
SAME_CLOCK_MS = 1000


def signed(difference: int) -> int:
    """Return a difference of two 32-bit stamps as the nearest signed number."""
    return (difference + WRAP // 2) % WRAP - WRAP // 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerClock:
    """How to read stamps: ``offset_ms`` is monotonic minus server time, 0 on a local server."""

    offset_ms: int

    @staticmethod
    def measured(stamp: int, now_ms: int) -> "ServerClock":
        """Return the clock of a server whose stamp was just read."""
        offset = signed(now_ms - stamp)
        return ServerClock(offset_ms=0 if abs(offset) < SAME_CLOCK_MS else offset)

    def monotonic_ms(self, stamp: int, near_ms: int) -> int:
        """Return a stamp in monotonic milliseconds; it lies within 24 days of ``near_ms``."""
        return near_ms + signed(stamp + self.offset_ms - near_ms)
