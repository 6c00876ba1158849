"""Which settings a command comes in with: those it is given, or those of the stack."""

from pathlib import Path

from overt_ops.devstack import Stack, default_state
from overt_ops.pipeline import doors


def door_of(state: Path | None, config: Path | None, name: str) -> doors.Door:
    """Return the door of principal ``name``: from ``config``, else from the running stack."""
    if config is not None:
        return doors.load(config)
    return doors.load(Stack.find(state or default_state()).settings(name))
