"""Who stops and starts a stage: the embedded stack's supervisor, or a person. SHELL."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from overt_ops.devstack import Running, control
from overt_schemas.errors import Transient

_STOP_S = 60.0
_LOOK_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class InStack:
    """A process of the embedded stack."""

    running: Running
    name: str

    def stop(self) -> None:
        """End it, and wait until it has ended."""
        layout = self.running.layout
        known = {row.name for row in self.running.status()}
        if self.name not in known:
            return  # it was never started here
        control.ask(layout, {"do": "stop", "names": [self.name]})
        deadline_s = time.monotonic() + _STOP_S
        while not self.running.missing([self.name]):
            if time.monotonic() > deadline_s:
                raise Transient(f"{self.name} does not stop: try again", reason="still_stopping")
            time.sleep(_LOOK_S)

    def start(self) -> None:
        """Start it and wait until it has its partitions."""
        self.running.start([self.name])


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """Processes that somebody else runs."""

    name: str
    say: Callable[[str], object]

    def stop(self) -> None:
        """Say who has to."""
        self.say(f"waiting until nobody is in the group {self.name}: stop its processes")

    def start(self) -> None:
        """Say who has to."""
        self.say(f"start the processes of {self.name} again")
