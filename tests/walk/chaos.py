"""When to kill what: a schedule from a seed. Pure; ``striking.py`` carries it out.

Every round strikes every target once, in an order of its own, spread evenly over the time there is
with a little jitter. The same seed gives the same schedule, so that a run that failed can be had
again (as far as a machine's scheduler repeats itself).
"""

import random
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from signal import SIGKILL, SIGTERM, Signals

# Of the room between two strikes that jitter may use: the order never changes by it.
_JITTER = 0.8


class Target(Enum):
    """What can be struck: its service, whether only the child that does the work, and how."""

    SHIP = ("ship", False, SIGKILL)
    REFINE_INPUT = ("refine-input", False, SIGKILL)
    REFINE_INPUT_WORKER = ("refine-input", True, SIGKILL)
    REFINE_INPUT_TOLD = ("refine-input", True, SIGTERM)
    REFINE_FRAME = ("refine-frame", False, SIGKILL)
    REFINE_FRAME_WORKER = ("refine-frame", True, SIGKILL)
    FEED = ("feed", False, SIGKILL)
    FEED_WORKER = ("feed", True, SIGKILL)
    SESSION = ("session", False, SIGKILL)
    SESSION_WORKER = ("session", True, SIGKILL)
    SINK = ("sink", False, SIGKILL)
    AUTHORITY = ("authority", False, SIGKILL)

    @property
    def service(self) -> str:
        """The process as operators know it."""
        return self.value[0]

    @property
    def is_child(self) -> bool:
        """Whether its supervisor is left alive to notice."""
        return self.value[1]

    @property
    def signal(self) -> Signals:
        """What it is struck with."""
        return self.value[2]


class Trial(Enum):
    """What happens once a round besides: rarer, longer, and each in its own way."""

    ZOMBIE = "zombie"  # a worker stops for so long that another takes its partitions, and goes on
    BROKER = "broker"  # a broker is killed and comes back
    AWAY = "away"  # the authority is away for a while
    EXPIRED = "expired"  # raw records expire while nobody reads them
    LATE = "late"  # devices that were not there at the start, and a worker whose registries lag
    CLOCK = "clock"  # somebody sets the clock of an endpoint
    PROCESSOR_CLOCK = "processor_clock"  # and that of a worker of refine
    QUOTA = "quota"  # an endpoint that cannot send lets go of content: tombstones


@dataclass(frozen=True, slots=True, kw_only=True)
class Strike:
    """One kill, so many seconds after the start."""

    at_s: float
    target: Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordeal:
    """One trial, so many seconds after the start."""

    at_s: float
    trial: Trial


def schedule(seed: int, rounds: int, from_s: float, until_s: float) -> tuple[Strike, ...]:
    """Return ``rounds`` strikes of each target within [from_s, until_s], in order of time."""
    chance = random.Random(seed)  # noqa: S311 - not a secret, on the contrary
    order: list[Target] = []
    for _ in range(rounds):
        order += _round(chance, order[-1:])
    room_s = (until_s - from_s) / len(order)
    return tuple(
        Strike(at_s=from_s + room_s * (i + _JITTER * chance.random()), target=target)
        for i, target in enumerate(order)
    )


def trials(seed: int, rounds: int, from_s: float, until_s: float) -> tuple[Ordeal, ...]:
    """Return ``rounds`` of all trials within [from_s, until_s], spread evenly, in order of time."""
    chance = random.Random(seed)  # noqa: S311 - not a secret, on the contrary
    order = [trial for _ in range(rounds) for trial in chance.sample(tuple(Trial), len(Trial))]
    room_s = (until_s - from_s) / len(order)
    return tuple(Ordeal(at_s=from_s + room_s * i, trial=trial) for i, trial in enumerate(order))


def _round(chance: random.Random, before: list[Target]) -> list[Target]:
    """Return all targets in an order that leaves each service time to come back."""
    while True:
        order = chance.sample(tuple(Target), len(Target))
        services = [target.service for target in (*before, *order)]
        if all(one != two for one, two in pairwise(services)):
            return order
