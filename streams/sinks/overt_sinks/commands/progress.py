"""Progress of a command, for a machine: JSON lines on stderr, some a second."""

import json
import sys
import time
from collections.abc import Callable

Tell = Callable[[int, int], None]
# Often enough for a bar that moves, seldom enough to cost nothing.
_EVERY_S = 0.1


def silent(done: int, total: int) -> None:
    """Tell nothing."""
    del done, total


def progress(what: str, unit: str, *, wanted: bool) -> Tell:
    """Return a function to call with what is done and what there is, as often as one likes.

    A line is ``{"done":n,"total":m,"unit":"objects","what":"verify"}``; the last one is written
    whenever it comes.
    """
    if not wanted:
        return silent
    told_at = float("-inf")

    def tell(done: int, total: int) -> None:
        nonlocal told_at
        now = time.monotonic()
        if done < total and now - told_at < _EVERY_S:
            return
        told_at = now
        line = {"done": done, "total": total, "unit": unit, "what": what}
        sys.stderr.write(json.dumps(line, separators=(",", ":")) + "\n")
        sys.stderr.flush()

    return tell
