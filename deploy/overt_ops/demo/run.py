"""The demo, from the first line to the account: the stack, one endpoint, two subscribers.

The one with a grant reads twice: live, while it happens, and what was stored, at the end.

What happens when a step dies: the endpoint's processes end with the demo, the stack is left as it
was found (one that the demo started is stopped), and the run's own folder is kept for a look.
"""

import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from confluent_kafka.admin import AdminClient
from rich.console import Console
from rich.live import Live

from overt_ops.demo import admin, counts, reading, refusals, script, view
from overt_ops.demo.account import Account, faults
from overt_ops.demo.admin import Door
from overt_ops.demo.display import PrivateDisplay
from overt_ops.demo.driver import Driver
from overt_ops.demo.endpoint import Endpoint
from overt_ops.demo.following import LiveReader
from overt_ops.demo.source import Source
from overt_ops.demo.transcript import percentile
from overt_ops.demo.waiting import until
from overt_ops.devstack import DEMO, Progress, Running, Stack
from overt_schemas import topics
from overt_schemas.clock import SystemClock
from overt_schemas.errors import Permanent, Transient

READER, STRANGER = "alice", "mallory"
GROUP = {Source.DESKTOP: "demo", Source.XVFB: "demo", Source.SCRIPTED: "fleet"}
PROMPT_S = 75.0  # the prompt itself gives up after 60
DRAIN_S = 60
FEED_S = 20.0  # the reconciler makes a feed within a second


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The account, what the reader found wrong, and the first events as it saw them."""

    account: Account
    faults: list[str]
    events: list[dict[str, Any]]


@dataclass(slots=True)
class Demo:
    """One run; ``show`` is where the live view goes."""

    running: Running
    source: Source
    folder: Path
    show: Console
    ready_s: float

    def run(self, seconds: int) -> Result:
        """Capture for ``seconds``, read everything back, try the three doors.

        Raises:
            Permanent: consent was not given, or a step failed for good.
            Transient: a step took too long.
        """
        door = Door(
            url=self.running.authority_url, ca=self.running.layout.service_ca,
            principal=self.running.layout.principal(READER),
        )  # fmt: skip
        broker = AdminClient(self.running.admin())
        since = counts.ends(broker, topics.PART)
        with ExitStack() as stack:
            environment, driver = self._display(stack)
            endpoint = stack.enter_context(
                Endpoint(home=self.folder / "endpoint", environment=environment, logs=self.folder)
            )
            token = admin.tokens(door, GROUP[self.source], 1)[0]
            endpoint.enrol(self.running.authority_url, self.running.layout.service_ca, token)
            grant = self._grant(door, str(endpoint.status()["person"]))
            live = stack.enter_context(self._live(grant))
            live.wait_open(FEED_S)
            wait_s = str(round(seconds + PROMPT_S))
            flags = ["--source", "scripted", "--seconds", wait_s]
            endpoint.start(*(flags if self.source is Source.SCRIPTED else ()))
            self._consent(endpoint, driver)
            offered = self._capture(endpoint, driver, live, broker, since, seconds)
            captured = endpoint.stop_capture()
            if not until(lambda: _pending(endpoint) == 0, DRAIN_S, 0.2):
                raise Transient(f"{_pending(endpoint)} batches still in the spool", reason="drain")
            endpoint.stop_ship()
            return self._read(door, grant, live, broker, since, captured, offered)

    def _grant(self, door: Door, person: str) -> str:
        now_ms = SystemClock().wall_us() // 1000
        life = (now_ms - 3_600_000, now_ms + 3_600_000)
        return admin.grant(door, READER, reading.PURPOSE, [person], life)

    def _live(self, grant: str) -> LiveReader:
        settings = self.running.settings(READER)
        return LiveReader(settings=settings, grant=grant, log=self.folder / "live.log")

    def _display(self, stack: ExitStack) -> tuple[dict[str, str], Driver | None]:
        """Return the endpoint's environment, and hands on a private display."""
        if self.source is not Source.XVFB:
            return _own_display(self.source), None
        screen = stack.enter_context(PrivateDisplay())
        driver = stack.enter_context(Driver(screen.name))
        if not until(driver.is_managed, 20):
            raise Transient("openbox does not manage the display", reason="no_window")
        screen.run("mousepad", "--disable-server")
        script.appear(driver, script.EDITOR, 20)
        if shutil.which("xterm"):
            screen.run("xterm", "-geometry", "40x8+900+560")
            script.appear(driver, script.ASIDE, 20)
        return screen.environment(), driver

    def _consent(self, endpoint: Endpoint, driver: Driver | None) -> None:
        """Wait for the person's answer; on the private display the driver gives it, by XTEST."""
        if driver is not None:
            script.agree(driver)
        elif self.source is Source.DESKTOP:
            self.show.print(
                "Please answer the prompt on your screen (60 s), then use a text editor."
            )

        def decided() -> bool:
            return endpoint.ended() is not None or bool(endpoint.status().get("capturing"))

        if not until(decided, PROMPT_S, 0.2):
            raise Transient("capture did not begin", reason="capture")
        if endpoint.ended() is not None:
            raise Permanent(endpoint.last_words() or "capture ended", reason="consent")

    def _capture(
        self, endpoint: Endpoint, driver: Driver | None, reader: LiveReader, broker: AdminClient,
        since: dict[int, int], seconds: int,
    ) -> int | None:  # fmt: skip
        """Show the stages for ``seconds`` while somebody works; return what was injected."""
        end = time.monotonic() + seconds
        with Live(console=self.show, transient=True, auto_refresh=False) as live:
            with _hands(driver, lambda: time.monotonic() >= end) as failure:
                while time.monotonic() < end:
                    left = round(end - time.monotonic())
                    stages = self._look(endpoint, reader, broker, since, left)
                    live.update(view.live(self.source.value, stages), refresh=True)
                    if endpoint.ended() is not None:
                        raise Permanent(endpoint.last_words(), reason="capture")
                    reader.check()
            if failure:
                raise failure[0]
        return None if driver is None else driver.offered

    def _look(
        self, endpoint: Endpoint, reader: LiveReader, broker: AdminClient, since: dict[int, int],
        left: int,
    ) -> view.Stages:  # fmt: skip
        state = endpoint.status()
        stored = counts.stored(self.running.layout.index, since)
        parts = sum(counts.ends(broker, topics.PART).values()) - sum(since.values())
        return view.Stages(
            seconds_left=left, capturing=bool(state.get("capturing")),
            beacon=int(state.get("beacon", 0)), captured=int(state.get("captured", 0)),
            spooled=_total(state, "spooled"), published=_total(state, "published"), parts=parts,
            in_objects=stored.records, objects=stored.objects, live=reader.transcript.events,
            late_ms=percentile(tuple(reader.key_ms), 0.5),
            lag=sum(counts.lag(self.running.admin(), group) for group in counts.GROUPS),
        )  # fmt: skip

    def _read(
        self, door: Door, grant: str, live: LiveReader, broker: AdminClient,
        since: dict[int, int], captured: dict[str, Any], offered: int | None,
    ) -> Result:  # fmt: skip
        """Read what is stored, knock as a stranger, and put the account together."""
        self._settle(broker, since)
        answer = reading.read(self.running.settings(READER), grant, DRAIN_S)
        live.wait_for(answer.transcript.events, DRAIN_S)
        live.finish()
        refused = self._knock(door, grant)
        stored = counts.stored(self.running.layout.index, since)
        parts = sum(counts.ends(broker, topics.PART).values()) - sum(since.values())
        found = answer.summary
        if self.source is Source.SCRIPTED:
            offered = captured.get("offered")
        account = Account(
            source=self.source.value, offered=offered, captured=int(captured["captured"]),
            read=int(found["read"]), dropped=dict(found["gaps"]),
            lost=int(found["lost"]), duplicated=int(found["duplicated"]),
            sessions=int(found["sessions"]), segments=int(found["segments"]), parts=parts,
            parts_in_objects=stored.records, objects=stored.objects,
            frames_read=int(found["frames_read"]), live=live.transcript.events,
            live_same=live.transcript == answer.transcript,
            from_feed=_total(live.summary, "from_feed"),
            e2e_ms_p50=percentile(live.key_ms, 0.5), e2e_ms_p99=percentile(live.key_ms, 0.99),
            refused=refused, ready_s=round(self.ready_s, 2),
            pss_mb=round(sum(row.pss_mb for row in self.running.status()), 1),
        )  # fmt: skip
        return Result(account=account, faults=faults(found), events=answer.events)

    def _settle(self, broker: AdminClient, since: dict[int, int]) -> None:
        """Wait until refine has written all that was published, and the sink has stored it."""

        def level() -> bool:
            if any(counts.lag(self.running.admin(), group) for group in counts.REFINE):
                return False
            parts = sum(counts.ends(broker, topics.PART).values()) - sum(since.values())
            return counts.stored(self.running.layout.index, since).records >= parts

        until(level, DRAIN_S, 0.2)

    def _knock(self, door: Door, grant: str) -> dict[str, str]:
        """Try the three doors as the subscriber without a grant."""
        layout = self.running.layout
        who = refusals.Stranger(
            name=STRANGER, password=(layout.principal(STRANGER) / "kafka.password").read_text(),
            bootstrap=self.running.bootstrap, ca=layout.service_ca,
            door=door.as_principal(STRANGER), store_url=self.running.store_url, bucket="hot",
        )  # fmt: skip
        name, shown = counts.an_object(layout.index), reading.shown(door, grant)
        return {
            "topic": refusals.at_topic(who),
            "object": refusals.at_object(who, grant, name),
            "key": refusals.at_key(who, door, grant, reading.PURPOSE, shown),
        }


@contextmanager
def stack_for(
    state: Path, progress: Callable[[], AbstractContextManager[Progress]]
) -> Iterator[tuple[Running, float]]:
    """Yield a running stack and how long it took to be ready; one started here is stopped."""
    began, own = time.monotonic(), not Stack.is_running(state)
    with progress() as report:
        running = Stack.up(state, report, tuning=DEMO)
    try:
        yield running, time.monotonic() - began
    finally:
        if own:
            running.down()


def new_folder(state: Path) -> Path:
    """Return a fresh folder for one run below the state directory."""
    folder = state / "demo" / f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}"
    folder.mkdir(parents=True, mode=0o700)
    return folder


@contextmanager
def _hands(driver: Driver | None, over: Callable[[], bool]) -> Iterator[list[Exception]]:
    """Let the driver work in a thread of its own; yields where its failure will stand."""
    failure: list[Exception] = []
    if driver is None:
        yield failure
        return

    def work() -> None:
        try:
            script.work(driver, over, aside=True)
        except Exception as exc:
            failure.append(exc)

    thread = threading.Thread(target=work, name="demo-driver", daemon=True)
    thread.start()
    try:
        yield failure
    finally:
        thread.join(30)


def _own_display(source: Source) -> dict[str, str]:
    import os

    names = ("DISPLAY", "XAUTHORITY", "XDG_SESSION_TYPE", "DBUS_SESSION_BUS_ADDRESS")
    wanted = names if source is Source.DESKTOP else ()
    return {name: os.environ[name] for name in wanted if name in os.environ}


def _total(state: dict[str, Any], name: str) -> int:
    value = state.get(name, 0)
    return sum(value.values()) if isinstance(value, dict) else int(value)


def _pending(endpoint: Endpoint) -> int:
    return _total(endpoint.status() or {"pending": -1}, "pending")
