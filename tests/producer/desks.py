"""An endpoint in front of a script, on a clock that moves when told."""

from dataclasses import dataclass, field

from overt_producer.desk import ScriptedDesk
from overt_producer.endpoint import Endpoint
from overt_producer.home import Home
from overt_producer.pipeline import Now
from overt_producer.sources.script import Script, written
from tests.producer.fleet import Fleet

START_US = 1_764_000_000_250_000


@dataclass(slots=True)
class Hand:
    """The clock: every tick moves it on by a tenth of a second."""

    elapsed_ms: int = 0
    wall_less_us: int = 0

    def __call__(self) -> Now:
        """Return a reading."""
        us = self.elapsed_ms * 1000
        return Now(wall_us=START_US + self.wall_less_us + us, boot_ns=us * 1000, mono_us=us)

    def ms(self) -> int:
        """Return the sources' clock."""
        return self.elapsed_ms


@dataclass(slots=True)
class Sitting:
    """One boot of one endpoint."""

    fleet: Fleet
    home: Home
    hand: Hand = field(default_factory=Hand)
    script: Script = field(default_factory=lambda: written(seed=4, duration_ms=20_000))
    endpoint: Endpoint = field(init=False)
    desk: ScriptedDesk = field(init=False)

    def __post_init__(self) -> None:
        self.desk = ScriptedDesk(self.script, self.hand.ms)
        self.endpoint = Endpoint(self.home, self.desk, self.hand)
        self.endpoint.open()

    def beacon(self, valid_s: float = 600, **changes: object) -> None:
        """Let ship hear a beacon."""
        now_ms = self.hand().wall_ms
        self.fleet.send(self.home, self.fleet.beacon(now_ms, valid_s, **changes))

    def live(self, seconds: float) -> None:
        """Let time pass."""
        for _ in range(round(seconds * 10)):
            self.hand.elapsed_ms += 100
            self.endpoint.tick()

    def stop(self) -> dict[str, object]:
        """End cleanly and return the account."""
        go_on = self.endpoint.stop()
        for _ in range(60):
            self.hand.elapsed_ms += 100
            if go_on():
                break
        status = self.endpoint.status()
        self.endpoint.close()
        return status
