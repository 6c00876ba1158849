"""When to kill what: a schedule from a seed. Pure; ``striking.py`` carries it out.

Every round strikes every target once, in an order of its own, spread evenly over the time there is
with a little jitter. The same seed gives the same schedule, so that a run that failed can be had
again (as far as a machine's scheduler repeats itself).
"""

import random
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise

# Of the room between two strikes that jitter may use: the order never changes by it.
_JITTER = 0.8


class Target(Enum):
    """What can be struck: its service, and whether only the child that does the work."""

    SHIP = ("ship", False)
    REFINE_INPUT = ("refine-input", False)
    REFINE_INPUT_WORKER = ("refine-input", True)
    REFINE_FRAME = ("refine-frame", False)
    REFINE_FRAME_WORKER = ("refine-frame", True)
    SINK = ("sink", False)
    AUTHORITY = ("authority", False)

    @property
    def service(self) -> str:
        """The process as operators know it."""
        return self.value[0]

    @property
    def is_child(self) -> bool:
        """Whether its supervisor is left alive to notice."""
        return self.value[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Strike:
    """One kill -9, so many seconds after the start."""

    at_s: float
    target: Target


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


def _round(chance: random.Random, before: list[Target]) -> list[Target]:
    """Return all targets in an order that leaves each service time to come back."""
    while True:
        order = chance.sample(tuple(Target), len(Target))
        services = [target.service for target in (*before, *order)]
        if all(one != two for one, two in pairwise(services)):
            return order
