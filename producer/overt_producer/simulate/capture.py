"""`simulate capture`: N endpoints ticked in turn by one thread. Kill it as you like."""

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from overt_producer import readings
from overt_producer.capture import TICK_S
from overt_producer.capture_lock import Lock
from overt_producer.checkpoints import Checkpoints
from overt_producer.desk import ScriptedDesk
from overt_producer.endpoint import Endpoint
from overt_producer.hardening import harden
from overt_producer.home import Home
from overt_producer.simulate.people import script_for
from overt_producer.stopping import Stop
from overt_schemas.errors import Permanent


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to simulate.

    Attributes:
        stagger: seconds between the starts of two devices.
        seconds: how long each device captures, from its own start.
    """

    homes: Path
    devices: int
    seconds: float
    seed: int = 1
    stagger: float = 0.0
    trace: Path | None = None


class Device:
    """One simulated endpoint: waits for its start, captures, ends."""

    def __init__(self, home: Home, index: int, plan: Plan, begun_ms: int) -> None:
        self.home = home
        self._start_ms = begun_ms + round(index * plan.stagger * 1000)
        self._end_ms = self._start_ms + round(plan.seconds * 1000)
        self._script = script_for(index, plan.seed, plan.seconds, plan.trace)
        self._endpoint: Endpoint | None = None
        self._going: Callable[[], bool] | None = None
        self.summary: dict[str, object] = {}

    @property
    def is_over(self) -> bool:
        """Whether everything of it is on disk and closed."""
        return bool(self.summary)

    def tick(self, *, is_stopping: bool) -> None:
        """Do what is due."""
        now_ms = readings.mono_ms()
        if self.is_over or (now_ms < self._start_ms and not is_stopping):
            return
        if self._endpoint is None:
            if is_stopping:
                self.summary = {"device": self.home.path.name, "started": False}
                return
            desk = ScriptedDesk(self._script, readings.mono_ms)
            self._endpoint = Endpoint(self.home, desk, readings.now)
            self._endpoint.open()
        if self._going is None and (is_stopping or now_ms >= self._end_ms):
            self._going = self._endpoint.stop()
        if self._going is None:
            self._endpoint.tick()
        elif self._going():
            self._close(self._endpoint)

    def _close(self, endpoint: Endpoint) -> None:
        status = endpoint.status()
        endpoint.close()
        self.summary = {"device": self.home.path.name, "started": True, **status}


def homes_in(folder: Path) -> list[Home]:
    """Return the enrolled homes below a folder, by name."""
    found = sorted(path.parent for path in folder.glob("*/identity.json"))
    return [Home(path) for path in found]


def run(plan: Plan, stop: Stop) -> dict[str, object]:
    """Simulate until every device is through, or a signal ends all of them.

    Raises:
        Permanent: fewer homes than devices.
    """
    harden()
    homes = homes_in(plan.homes)[: plan.devices]
    if len(homes) < plan.devices:
        raise Permanent(
            f"{plan.homes} holds {len(homes)} enrolled homes, not {plan.devices}: "
            "run `simulate enrol` first",
            reason="homes",
        )
    begun_ms = readings.mono_ms()
    devices = [Device(home, i, plan, begun_ms) for i, home in enumerate(homes)]
    locks = [Lock(home).__enter__() for home in homes]
    pause = threading.Event()
    try:
        with Checkpoints([home.spool for home in homes]) as checkpoints:
            while not all(device.is_over for device in devices):
                checkpoints.check()
                tick_ms = readings.mono_ms()
                for device in devices:
                    device.tick(is_stopping=stop.event.is_set())
                spent_s = (readings.mono_ms() - tick_ms) / 1000
                pause.wait(max(TICK_S - spent_s, 0.001))
    finally:
        for lock in locks:
            lock.__exit__()
    return _summary([device.summary for device in devices])


def _summary(devices: list[dict[str, object]]) -> dict[str, object]:
    dropped: Counter[str] = Counter()
    sums: Counter[str] = Counter()
    for one in devices:
        for name in ("offered", "captured", "admitted", "events_spooled", "frames"):
            value = one.get(name, 0)
            sums[name] += value if isinstance(value, int) else 0
        labels = one.get("dropped", {})
        dropped.update(labels if isinstance(labels, dict) else {})
    return {"devices": len(devices), **sums, "dropped": dict(dropped), "each": devices}
