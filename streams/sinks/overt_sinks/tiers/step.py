"""A move's way from its plan to its switch, and what each answer of the world makes of it. Pure.

The plan stands in the index before anything is copied, and names the target. So a crash anywhere is
found by the next mover, which does the same again, and two movers at once do the same twice::

    create    create-only; a name that is taken is read like an own one: it must hold these bytes
    read      what stands there is compared with the sources' bytes; nothing is switched unproven
    switch    one transaction: the target's rows appear, the sources' are superseded
    block     the move was cancelled, or its sources are gone: the name is taken with an empty
              object, so that a mover that hangs cannot bring the target up any more

A copy that stays different after some readings is a finding: nothing was switched, nothing deleted.
"""

from dataclasses import dataclass, replace
from typing import assert_never

from overt_schemas.errors import Malformed

_FIRST_WAIT_MS = 100
_LONGEST_WAIT_MS = 5_000
_DOUBLINGS = 6  # reach the longest wait
# A byte may go wrong on its way; the same wrong bytes so many times are what the store holds.
READINGS = 3


# What the world did.
@dataclass(frozen=True, slots=True)
class Created:
    """The name is new and holds what was sent."""


@dataclass(frozen=True, slots=True)
class Exists:
    """The name was taken: by another mover, before a crash, or by a call whose answer was lost."""


@dataclass(frozen=True, slots=True)
class Found:
    """What stands under the name is what the sources give, or is not."""

    is_same: bool


@dataclass(frozen=True, slots=True)
class Missing:
    """Nothing stands under the name after all."""

    spread: float


@dataclass(frozen=True, slots=True)
class Switched:
    """The index points at the target: now, or another mover did it."""


@dataclass(frozen=True, slots=True)
class Stale:
    """The move was cancelled, or what it should move is gone."""


@dataclass(frozen=True, slots=True)
class Blocked:
    """The name holds an empty object."""


@dataclass(frozen=True, slots=True)
class Failed:
    """It may work later; ``spread`` in [0, 1) keeps movers from trying in step."""

    spread: float


Event = Created | Exists | Found | Missing | Switched | Stale | Blocked | Failed


# What to do next.
@dataclass(frozen=True, slots=True)
class Create:
    """Create the target, and never overwrite it."""


@dataclass(frozen=True, slots=True)
class Read:
    """Read the target and compare it with the sources."""


@dataclass(frozen=True, slots=True)
class Switch:
    """Point the index at the target."""


@dataclass(frozen=True, slots=True)
class Block:
    """Take the name with an empty object, whatever stood there."""


@dataclass(frozen=True, slots=True)
class Done:
    """Nothing is left to do; whether it was moved."""

    moved: bool


Effect = Create | Read | Switch | Block | Done


@dataclass(frozen=True, slots=True, kw_only=True)
class Moving:
    """A move on its way; ``not_before`` is a time in milliseconds, 0 for at once.

    Attributes:
        readings: how often what stands under the name was found to be different.
    """

    doing: Effect
    failures: int = 0
    readings: int = 0
    not_before: int = 0


def begin() -> Moving:
    """Return a move whose plan is written down and whose target is built."""
    return Moving(doing=Create())


def step(moving: Moving, event: Event, now_ms: int) -> Moving:
    """Return what follows from an event.

    Raises:
        Malformed: under the name stands what the sources do not give; reason ``copy_differs``.
    """
    match event:
        case Failed(spread):
            after = _later(moving, spread, now_ms)
        case Stale():
            after = _to(moving, Block())
        case Created() | Exists() if isinstance(moving.doing, Create):
            after = _to(moving, Read())
        case Found(is_same) if isinstance(moving.doing, Read):
            after = _to(moving, Switch()) if is_same else _read_again(moving, now_ms)
        case Missing(spread) if isinstance(moving.doing, Read):
            # Some stores answer a clash like a name that is taken.
            after = _later(replace(moving, doing=Create()), spread, now_ms)
        case Switched():
            after = _to(moving, Done(moved=True))
        case Blocked() if isinstance(moving.doing, Block):
            after = _to(moving, Done(moved=False))
        case Created() | Exists() | Found() | Missing() | Blocked():
            raise AssertionError(f"{type(event).__name__} does not answer {moving.doing}")
        case _:
            assert_never(event)
    return after


def _read_again(moving: Moving, now_ms: int) -> Moving:
    if moving.readings + 1 >= READINGS:
        raise Malformed(
            "a copy is not what it was copied from, and nothing was switched: see docs/tiers.md",
            reason="copy_differs",
        )
    return _later(replace(moving, readings=moving.readings + 1), 0.5, now_ms)


def _later(moving: Moving, spread: float, now_ms: int) -> Moving:
    wait = min(_FIRST_WAIT_MS << min(moving.failures, _DOUBLINGS), _LONGEST_WAIT_MS)
    until = now_ms + wait // 2 + int(wait * spread / 2)
    return replace(moving, failures=moving.failures + 1, not_before=until)


def _to(moving: Moving, doing: Effect) -> Moving:
    return replace(moving, doing=doing, failures=0, not_before=0)
