"""The storm: a fleet captures while everything behind it falls and gets up again, over and over.

Then everything is read, from the store and live, and held against what the endpoints say they
spooled: each event once, in order, or under a label that the data itself carries; sessions as a run
that nothing disturbed would have folded them.
"""

import json
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from overt_ops.demo import counts
from overt_ops.demo.endpoint import program
from overt_ops.demo.reading import PURPOSE
from overt_ops.demo.waiting import until
from overt_ops.devstack import Running
from overt_ops.simulate.fleet import Fleet, Member, Plan, Simulator
from overt_ops.simulate.run import PATIENCE_S, READER, Run
from overt_schemas import topics
from overt_schemas.errors import OvertError
from overt_schemas.ids import Stream
from overt_subscriber import Authority, Gap, Live, Report, Stored, Subscription, load
from overt_subscriber.batches import RAW_EXPIRED
from overt_subscriber.feed import KafkaFeed
from tests.walk.aftermath import Aftermath, wrongs
from tests.walk.chaos import Ordeal, Strike, schedule, trials
from tests.walk.striking import Striker, say
from tests.walk.trials import LONGER_S, Late, Second, Trials

_BEGIN_S = 3.0
_READ_S = 60.0
_FEED_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """How hard and for how long; the same seed gives the same persons, kills and trials.

    Attributes:
        silent: devices that are enrolled and never capture.
        late: devices that are enrolled when the storm has begun.
        kills, trials: how often each target is struck and each trial stood.
    """

    seed: int
    devices: int
    silent: int
    late: int
    stagger_s: float
    seconds: float
    kills: int
    trials: int
    trace: Path | None = None


SHORT = Weather(
    seed=20261125, devices=16, silent=2, late=3, stagger_s=0.5, seconds=75, kills=1, trials=1
)  # fmt: skip
# A million events: every second of the persons replays a recording.
LONG = Weather(
    seed=7, devices=45, silent=5, late=5, stagger_s=1.0, seconds=600, kills=6, trials=3
)  # fmt: skip


@dataclass(slots=True)
class LiveRead:
    """A live reader from before the first event to behind the last, in a thread of its own."""

    running: Running
    grant: str
    report: Report = field(default_factory=Report)
    failed: str = ""
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> "LiveRead":
        self._thread = threading.Thread(target=self._run, name="live", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(30)

    def _run(self) -> None:
        settings = load(self.running.settings(READER))
        assert settings.kafka is not None
        try:
            with Authority(settings.authority) as authority:
                feed = KafkaFeed(settings.kafka.connection(), self.grant)
                subscription = Subscription(
                    Live(authority, self.grant, feed), authority, grant=self.grant,
                    purpose=PURPOSE, until=lambda _report: self._stop.is_set(),
                )  # fmt: skip
                self.report = subscription.report
                for _ in subscription.blocks():
                    pass
        except OvertError as exc:
            self.failed = f"{type(exc).__name__}: {exc} ({exc.reason})"

    def wait_for(self, events: int) -> None:
        """Return once so many events were read, or the reader failed, or it takes too long."""
        until(lambda: self.report.read >= events or bool(self.failed), _READ_S, 0.2)


def storm(running: Running, folder: Path, weather: Weather) -> Aftermath:
    """Run it to its end."""
    began_s = time.monotonic()
    clock = folder / "clock"
    # On a stack of many tests somebody may have left a record that no processor vouches for.
    refused_before = rebuilt(running)["refused"]
    with Fleet(folder / "fleet") as fleet, Fleet(folder / "late") as second_fleet:
        run = Run.begin(running, fleet, say)
        who = run.enrol(weather.devices + weather.silent)
        late = Late(Run.begin(running, second_fleet, say), clock, weather.late, weather.seed + 1)
        second = Second(running, folder / "second")
        grant = run.grant(who)
        try:
            second.start()
            with LiveRead(running, grant) as live:
                striker = Striker(running, fleet, fleet.ship())
                homes = [fleet.homes / one.home for one in who[: weather.devices]]
                tests = Trials(running, second, clock, late, striker, homes)
                plan = Plan(
                    devices=weather.devices, seconds=LONGER_S, seed=weather.seed,
                    stagger=weather.stagger_s, trace=weather.trace,
                )  # fmt: skip
                capture = fleet.capture(plan)
                play(striker, tests, weather)
                late.join()
                assert late.ship is not None
                spools = calm(late.run, late.who, late.ship, late.capture)
                spools += calm(run, who, striker.ship, capture)
                run.settle()
                everybody = [*who, *late.who]
                summary, expired = read(run, everybody)
                mine = {one.device for one in who}
                expected = sum(
                    boot["events"] for device, boots in summary["per_device"].items()
                    for boot in boots.values() if device in mine
                )  # fmt: skip
                live.wait_for(expected)
            sessions = rebuilt(running)
            sessions["refused"] -= refused_before
        finally:
            second.stop()
    shown = live.report.to_json()
    wrong = wrongs(spools, summary, shown, expected, expired, tests, sessions)
    if live.failed:
        wrong.append(f"the live reader ended: {live.failed}")
    aftermath = Aftermath(
        events=sum(int(one["events_spooled"]) for one in spools), killed=striker.killed,
        tried=tests.tried, stored=summary, live=shown, expired=expired,
        sessions=sessions, wrong=wrong,
        seconds=time.monotonic() - began_s,
    )  # fmt: skip
    say(json.dumps(aftermath.figures()))
    return aftermath


def play(striker: Striker, tests: Trials, weather: Weather) -> None:
    """Carry out all strikes and trials, in order of their times."""
    end_s = _BEGIN_S + weather.seconds
    strikes = schedule(weather.seed, weather.kills, _BEGIN_S, end_s)
    ordeals = trials(weather.seed, weather.trials, _BEGIN_S, end_s) if weather.trials else ()
    striker.began_s = time.monotonic()
    timeline: list[Strike | Ordeal] = sorted([*strikes, *ordeals], key=lambda one: one.at_s)
    for item in timeline:
        wait_s = striker.began_s + item.at_s - time.monotonic()
        until(lambda: False, wait_s)
        match item:
            case Strike():
                striker.strike(item.target)
            case Ordeal():
                tests.stand(item.trial)


def calm(
    run: Run, who: Sequence[Member], ship: Simulator, capture: Simulator | None
) -> list[dict[str, Any]]:
    """Let a fleet end, publish what is left of it, and return what its spools say."""
    assert capture is not None, "it never began"
    capture.stop()
    return [{**one, "id": device_of(one, who)} for one in run.drain(ship)]


def device_of(spool: Mapping[str, Any], who: Sequence[Member]) -> str:
    return next(one.device for one in who if one.home == spool["device"])


def read(run: Run, who: Sequence[Member]) -> tuple[dict[str, Any], int]:
    """Read all that is stored; return the summary, and how many batches expired unread."""
    settings, grant, expired = load(run.running.settings(READER)), run.grant(who), 0
    deadline_s = time.monotonic() + _READ_S
    with Authority(settings.authority) as authority:
        subscription = Subscription(
            Stored(authority, grant, follow=True), authority, grant=grant, purpose=PURPOSE,
            streams=tuple(Stream),
            until=lambda report: report.is_settled or time.monotonic() >= deadline_s,
        )  # fmt: skip
        for block in subscription.blocks():
            if isinstance(block, Gap) and block.reason == RAW_EXPIRED:
                expired += block.batches
        return subscription.report.to_json(), expired


def rebuilt(running: Running) -> dict[str, int]:
    """Return what a fold of all parts, undisturbed, finds different from what the app wrote."""
    counts.GROUPS.setdefault("session", topics.PART)
    level = until(lambda: counts.lag(running.admin(), "session") == 0, PATIENCE_S, 0.5)
    assert level, "the session app is behind"
    argv = [program("overt-processors"), "sessions", "rebuild", "--check", "-o", "json"]
    argv += ["--config", str(running.settings("session"))]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode in {0, 3}, done.stderr[-2000:]
    return dict(json.loads(done.stdout))
