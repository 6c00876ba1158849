"""Carries a schedule of kills out on a running stack, and keeps ship alive in between.

The stack's supervisor starts services again; ship has none here, so it is started again at once,
as a service manager would. A strike waits until its victim works: killing what is not up yet proves
nothing, and its supervisor could give it up.
"""

import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psutil

from overt_ops.demo.waiting import until
from overt_ops.devstack import Running
from overt_ops.simulate.fleet import Fleet, Simulator
from tests.walk.chaos import Strike, Target

READY_S = 90.0


def say(line: str) -> None:
    """Print what happens; pytest shows it where a test fails, and with -s."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {line}\n")


@dataclass(slots=True)
class Striker:
    """The hand that kills. ``killed`` counts by target, ``ship`` is the one that runs now."""

    running: Running
    fleet: Fleet
    ship: Simulator
    killed: Counter[str] = field(default_factory=Counter)
    began_s: float = field(default_factory=time.monotonic)

    def play(self, strikes: Iterable[Strike]) -> None:
        """Strike at the given times since the beginning, or as soon as a victim is up again."""
        for strike in strikes:
            until(lambda: False, self.began_s + strike.at_s - time.monotonic())
            self.strike(strike.target)

    def strike(self, target: Target) -> None:
        """Strike one process."""
        if target is Target.SHIP:
            with self.without_ship():
                return
        os.kill(self._victim(target), target.signal)
        self._note(target)

    @contextmanager
    def without_ship(self) -> Iterator[None]:
        """Kill ship; it is started again at the end of ``with``."""
        assert self.ship.is_alive, f"ship ended by itself: {self.ship.log.read_text()[-500:]}"
        self.ship.kill()
        self._note(Target.SHIP)
        yield
        self.ship = self.fleet.ship()

    def _victim(self, target: Target) -> int:
        found: list[int] = []

        def look() -> bool:
            row = next(r for r in self.running.status() if r.name == target.service)
            if row.state != "ready":
                return False
            found[:] = [row.pid]
            if target.is_child:
                found[:] = [child.pid for child in psutil.Process(row.pid).children()]
            return bool(found)

        assert until(look, READY_S, 0.2), f"{target.service} did not come back"
        return found[0]

    def _note(self, target: Target) -> None:
        self.killed[target.name.lower()] += 1
        say(f"killed {target.name.lower()}")
