"""When a process is started, given time, restarted, stopped or given up. Pure.

One ``Unit`` per service; ``step(unit, event, now)`` returns the unit after the event and at most
one action for the shell. A service that dies is started again after a back-off that doubles from
0.2 s to 10 s and forgets after half a minute of health. It is *not* started again

* after exit 2 (its settings are wrong) or 5 (a person must decide): nothing heals by itself;
* after five exits in a row before it was ever ready, unless it says "try later" (70, 75);
* if a stranger got an answer at one of its side doors.

Stops go stage by stage from the top: what reads and writes content first (refine, sink), then the
authority, then the three servers. Each gets SIGTERM, its own time, then SIGKILL.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum
from typing import assert_never

from overt_ops.devstack.service import Service
from overt_schemas.errors import EXIT_PARTIAL, EXIT_USAGE

FINAL_CODES = frozenset({EXIT_USAGE, EXIT_PARTIAL})
TRY_LATER_CODES = frozenset({70, 75})  # EX_SOFTWARE by a watchdog, EX_TEMPFAIL
_FIRST_DELAY_S, _LONGEST_DELAY_S = 0.2, 10.0
_HEALTHY_AFTER_S = 30.0
_GIVE_UP_AFTER = 5


class Phase(Enum):
    """Where a process stands; the value is what ``dev status`` prints."""

    WAITING = "waiting"
    STARTING = "starting"
    READY = "ready"
    BACKING_OFF = "backing off"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"


AT_REST = frozenset({Phase.WAITING, Phase.STOPPED, Phase.FAILED})


class Action(Enum):
    """What the shell does next."""

    SPAWN = "spawn"
    TERMINATE = "terminate"
    KILL = "kill"


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Somebody wants it up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spawned:
    """The shell has started it."""

    pid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BecameReady:
    """Its probe is content."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsafe:
    """Its probe found an open side door."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Exited:
    """It is gone; ``code`` is negative for a signal."""

    code: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """Time has passed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Somebody wants it down; with ``again``, up again afterwards."""

    again: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """Somebody wants it dead at once, without a last word, and not back."""


Event = Start | Spawned | BecameReady | Unsafe | Exited | Tick | Stop | Kill


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One service and what has happened to it. Times are seconds of a monotonic clock."""

    service: Service
    phase: Phase = Phase.WAITING
    pid: int = 0
    since: float = 0.0  # start of the process, or of the phase where there is none
    deadline: float = 0.0  # when to kill (starting, stopping) or to start (backing off)
    restarts: int = 0
    strikes: int = 0
    reason: str = ""
    again: bool = False


def step(unit: Unit, event: Event, now: float) -> tuple[Unit, Action | None]:
    """Return the unit after an event, and what to do."""
    after: tuple[Unit, Action | None]
    match event:
        case Start():
            after = _start(unit, now) if unit.phase in AT_REST else (unit, None)
        case Spawned():
            after = replace(unit, pid=event.pid), None
        case BecameReady():
            ready = unit.phase is Phase.STARTING
            after = (replace(unit, phase=Phase.READY, reason="") if ready else unit), None
        case Unsafe():
            after = _stop(replace(unit, reason=event.reason, again=False), now)
        case Exited():
            after = _exited(unit, event.code, now)
        case Tick():
            after = _tick(unit, now)
        case Stop():
            after = _stop(replace(unit, again=event.again, reason=""), now)
        case Kill():
            after = _kill(replace(unit, again=False, reason=""), now)
        case _:
            assert_never(event)
    return after


def _start(unit: Unit, now: float) -> tuple[Unit, Action]:
    deadline = now + unit.service.start_s
    fresh = replace(unit, phase=Phase.STARTING, since=now, deadline=deadline, pid=0, again=False)
    return fresh, Action.SPAWN


def _stop(unit: Unit, now: float) -> tuple[Unit, Action | None]:
    if unit.phase in (Phase.STARTING, Phase.READY):
        deadline = now + unit.service.stop_s
        return replace(unit, phase=Phase.STOPPING, deadline=deadline), Action.TERMINATE
    if unit.phase is Phase.STOPPING:
        return unit, None
    if unit.again:
        return _start(unit, now)
    return replace(unit, phase=Phase.STOPPED, pid=0, since=now), None


def _kill(unit: Unit, now: float) -> tuple[Unit, Action | None]:
    stopping, action = _stop(unit, now)
    # What is stopping already is only hurried; what is at rest stays there.
    return stopping, Action.KILL if action or stopping.phase is Phase.STOPPING else None


def _exited(unit: Unit, code: int, now: float) -> tuple[Unit, Action | None]:
    if unit.phase is Phase.STOPPING:
        if unit.again:
            return _start(replace(unit, strikes=0), now)
        phase = Phase.FAILED if unit.reason else Phase.STOPPED
        return replace(unit, phase=phase, pid=0, since=now), None
    was_ready = unit.phase is Phase.READY
    healthy = was_ready and now - unit.since >= _HEALTHY_AFTER_S
    strikes = 1 if healthy else unit.strikes + 1
    gone = replace(unit, pid=0, since=now, strikes=strikes, reason=_why(code))
    hopeless = not was_ready and strikes >= _GIVE_UP_AFTER and code not in TRY_LATER_CODES
    if code in FINAL_CODES or hopeless:
        return replace(gone, phase=Phase.FAILED), None
    delay = min(_FIRST_DELAY_S * 2 ** (strikes - 1), _LONGEST_DELAY_S)
    return replace(gone, phase=Phase.BACKING_OFF, deadline=now + delay), None


def _why(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit {code}"


def _tick(unit: Unit, now: float) -> tuple[Unit, Action | None]:
    if now < unit.deadline:
        return unit, None
    if unit.phase is Phase.BACKING_OFF:
        started, action = _start(unit, now)
        return replace(started, restarts=unit.restarts + 1), action
    if unit.phase in (Phase.STARTING, Phase.STOPPING):
        # Asked once more each second, in case the process was just being replaced.
        return replace(unit, deadline=now + 1.0), Action.KILL
    return unit, None


def next_to_stop(units: Iterable[Unit]) -> frozenset[str]:
    """Return the names to stop now: everything still alive in the highest stage that is alive."""
    alive = [unit for unit in units if unit.phase not in AT_REST]
    top = max((unit.service.stage for unit in alive), default=0)
    return frozenset(unit.service.name for unit in alive if unit.service.stage == top)
