"""A clock that somebody sets: a test double, in no wheel.

Python imports this file at start when its folder is on PYTHONPATH. Wall time is the machine's plus
the milliseconds that stand in the file OVERT_TEST_CLOCK names; the clocks that only go on are left
alone, as they are when a real clock is set.
"""

import os
import time

_FILE = os.environ.get("OVERT_TEST_CLOCK", "")
_real_ns = time.time_ns


def _offset_ns() -> int:
    try:
        with open(_FILE) as file:  # noqa: PTH123 - imported by every process: no import of pathlib
            return int(file.read() or 0) * 1_000_000
    except (OSError, ValueError):
        return 0


def _set_ns() -> int:
    return _real_ns() + _offset_ns()


if _FILE:
    time.time_ns = _set_ns
    time.time = lambda: _set_ns() / 1e9
