"""The machine's clocks, read together."""

import time

from overt_producer.pipeline import Now
from overt_schemas.clock import Clock, SystemClock


def now(clock: Clock | None = None) -> Now:
    """Return one reading; the sources' clock is ``CLOCK_MONOTONIC``."""
    source = clock or SystemClock()
    return Now(
        wall_us=source.wall_us(), boot_ns=source.boot_ns(), mono_us=time.monotonic_ns() // 1000
    )


def mono_ms() -> int:
    """Return the sources' clock in milliseconds."""
    return time.monotonic_ns() // 1_000_000
