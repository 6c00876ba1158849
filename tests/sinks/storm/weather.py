"""How bad it gets, and the dice of the line to the store."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

_PUT = {
    "503": 3, "409": 2, "lost": 4, "slow": 1, "late": 4, "cut": 1, "wrong": 1, "torn": 2,
    "garbled": 2,
}  # fmt: skip
_GET = {"503": 2, "lost": 2, "slow": 1, "late": 3, "cut": 2, "wrong": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """How hard and for how long; the same seed gives the same kills and dice.

    Attributes:
        trials: how often each is stood: a full index, a full store, lost offsets, a new topic.
        every_s: between two kills.
        freezes_s: how long a frozen worker stays so; beyond 10 s its session is over.
        full_s: how long a disk is full.
        youngest_s: of a hot object that the mover deletes; longer than any worker is behind.
        slow_s: after which a slow answer's line hangs up; beyond 20 s its client gave up before.
    """

    seed: int
    kills: int
    trials: int
    every_s: tuple[float, float]
    freezes_s: tuple[float, float]
    full_s: float
    pause_s: float
    youngest_s: int
    slow_s: float


SHORT = Weather(
    seed=20261125, kills=10, trials=1, every_s=(0.2, 1.2), freezes_s=(0.5, 2.0), full_s=1.0,
    pause_s=0.003, youngest_s=10, slow_s=1.5,
)  # fmt: skip
LONG = Weather(
    seed=7, kills=200, trials=3, every_s=(0.2, 1.8), freezes_s=(1.0, 14.0), full_s=4.0,
    pause_s=0.003, youngest_s=90, slow_s=25.0,
)  # fmt: skip


class Dice:
    """Says what a request meets; ``bad`` can be switched off."""

    def __init__(self, seed: int) -> None:
        self.bad = True
        self._chance = random.Random(seed)  # noqa: S311 - dice
        self._lock = Lock()

    def __call__(self, method: str) -> str:
        """Return the word of a request."""
        table = _PUT if method == "PUT" else _GET
        with self._lock:
            cast = self._chance.uniform(0, 100)
        for word, share in table.items():
            cast -= share
            if cast < 0:
                return word if self.bad else "ok"
        return "ok"


def until(holds: Callable[[], bool], patience_s: float, what: str) -> None:
    """Return once it holds, or fail."""
    import time

    end = time.monotonic() + patience_s
    while not holds():
        assert time.monotonic() < end, f"{what} never came"
        time.sleep(0.1)
