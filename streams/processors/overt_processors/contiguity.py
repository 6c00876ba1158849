"""The guard at the door of every agent: a record that was jumped to ends the process."""

from typing import Any

from overt_processors.acknowledge import die
from overt_processors.guard import EXIT_JUMPED, Guard


def ensure(guard: Guard, app: Any, message: Any) -> None:
    """Return if this record follows the one before it; nothing behind a jump is committed."""
    tp = message.tp
    committed = app.consumer._committed_offset.get(tp)
    expected = guard.jumped(tp, message.offset, committed)
    if expected is not None:
        die(EXIT_JUMPED, "offset_jumped", partition=tp.partition, offset=message.offset,
            expected=expected)  # fmt: skip
