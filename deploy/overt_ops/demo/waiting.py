"""Waiting for a condition, with a deadline; the one place of the demo that polls."""

import time
from collections.abc import Callable


def until(condition: Callable[[], bool], timeout_s: float, every_s: float = 0.05) -> bool:
    """Return True as soon as ``condition()`` holds, False when ``timeout_s`` has passed."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(every_s)
    return True
