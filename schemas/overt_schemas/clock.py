"""Time as an argument.

Pure code gets ``now``; shells hold a ``Clock``. Wall time is Unix microseconds. Elapsed time is
``CLOCK_BOOTTIME`` nanoseconds where the system has it, because ``CLOCK_MONOTONIC`` stands still
while a laptop sleeps and a lease timed with it would outlive a night in a bag.
"""

import time
from typing import Protocol


class Clock(Protocol):
    """Where shells get the time from; ``overt_schemas.testing.FakeClock`` is the twin."""

    def wall_us(self) -> int:
        """Unix time in microseconds; may jump when somebody sets the clock."""
        ...

    def boot_ns(self) -> int:
        """Nanoseconds since boot, sleep included; never goes back within a boot."""
        ...


class SystemClock:
    """The machine's clocks."""

    def wall_us(self) -> int:
        """Unix time in microseconds."""
        return time.time_ns() // 1000

    def boot_ns(self) -> int:
        """``CLOCK_BOOTTIME`` on Linux, else the monotonic clock."""
        if hasattr(time, "CLOCK_BOOTTIME"):
            return time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        return time.monotonic_ns()
