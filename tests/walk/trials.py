"""The rarer faults, each carried out to its end: the caller goes on when everything is up again.

What each one leaves behind is noted for the account: how many raw records expired, how long things
were away.
"""

import os
import signal
import subprocess
import time
import tomllib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import tomli_w
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient

from overt_ops.demo import counts
from overt_ops.demo.endpoint import program
from overt_ops.demo.waiting import until
from overt_ops.devstack import Running
from overt_ops.simulate.fleet import Member, Plan, Simulator
from overt_ops.simulate.run import Run
from overt_producer.spool.quota import Store
from overt_producer.spool.store import Spool
from overt_schemas import client, topics
from tests.walk.chaos import Trial
from tests.walk.striking import Striker, say

LONGER_S = 3600.0  # than any of it: capture ends when it is told to
_UP_S = 90.0
_AWAY_S = 6.0
# Of a partition. What a worker had written and not committed expires without harm: some of these.
_EXPIRE = 20
SET_CLOCK = Path(__file__).parent / "set_clock"
LATE_REGISTRIES = Path(__file__).parent / "late_registries"
_STEPS_MS = (7_000, -3_000, 0)  # within what a beacon of a minute allows; the last sets it right
# Refine goes by the event's time and the registries; its own clock may be off by half a minute.
_WORKER_STEPS_MS = (30_000, -30_000, 0)
_SLOW_MS = 3_000  # for each answer of the brokers
_SLOW_S = 9.0


@dataclass(slots=True)
class Second:
    """A second refine worker for input, with a state directory of its own: partitions are shared.

    It is started again when it falls, as a service manager would. Its clock is what stands in the
    file ``clock`` (milliseconds beside the machine's), and its registries are as slow as the file
    ``slow`` says (milliseconds for each answer).
    """

    running: Running
    folder: Path
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def clock(self) -> Path:
        """What sets its clock."""
        return self.folder / "clock"

    @property
    def slow(self) -> Path:
        """What slows its registries."""
        return self.folder / "slow"

    def start(self) -> None:
        """Start it; returns when it has partitions."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        env = {
            **os.environ, "PYTHONPATH": str(LATE_REGISTRIES),
            "OVERT_TEST_CLOCK": str(self.clock), "OVERT_TEST_SLOW": str(self.slow),
        }  # fmt: skip
        given = self.running.settings("refine-input").read_text()
        values = {**tomllib.loads(given), "state_dir": str(self.folder)}
        config = self.folder / "settings.toml"
        config.touch(mode=0o600)
        config.write_text(tomli_w.dumps(values))
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [program("overt-processors"), "refine", "--stream", "input", "--config", config],
                stdout=log, stderr=log, start_new_session=True, env=env,
            )  # fmt: skip
        assert until((self.folder / "ready").exists, _UP_S, 0.1), "the second worker has no share"

    def worker(self) -> int:
        """Return the pid of the process that does the work."""
        assert self.process is not None
        found: list[int] = []

        def look() -> bool:
            assert self.process is not None
            found[:] = [c.pid for c in psutil.Process(self.process.pid).children()]
            return bool(found) and (self.folder / "ready").exists()

        assert until(look, _UP_S, 0.1), "the second worker did not come back"
        return found[0]

    def stop(self) -> None:
        """End it."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process = None


@dataclass(slots=True)
class Trials:
    """The hand that tries. ``tried`` counts by trial; ``expired`` counts raw records."""

    running: Running
    second: Second
    clock: Path
    late: "Late"
    striker: Striker
    homes: Sequence[Path]
    tried: Counter[str] = field(default_factory=Counter)
    expired: int = 0
    let_go: int = 0
    zombies_shared: int = 0

    def stand(self, trial: Trial) -> None:
        """Carry one out."""
        say(f"trial: {trial.value}")
        match trial:
            case Trial.ZOMBIE:
                self._zombie()
            case Trial.BROKER:
                self._broker()
            case Trial.AWAY:
                self._away()
            case Trial.EXPIRED:
                self._expire()
            case Trial.LATE:
                self._late()
            case Trial.CLOCK:
                step(self.clock, _STEPS_MS, self.tried[trial.value])
            case Trial.PROCESSOR_CLOCK:
                step(self.second.clock, _WORKER_STEPS_MS, self.tried[trial.value])
            case Trial.QUOTA:
                with self.striker.without_ship():
                    home = self.homes[self.tried[trial.value] % len(self.homes)]
                    self.let_go += let_go_of_content(home)
        self.tried[trial.value] += 1

    def _zombie(self) -> None:
        """Stop the second worker until the first has all partitions, then let it go on."""
        log = Path(next(r for r in self.running.status() if r.name == "refine-input").log)
        whole = f'"partitions": {list(range(topics.CATALOGUE[topics.INPUT].partitions))}'
        before = log.read_text(errors="replace").count(whole)
        pid = self.second.worker()
        os.kill(pid, signal.SIGSTOP)
        try:
            taken = until(lambda: log.read_text(errors="replace").count(whole) > before, 60, 0.2)
        finally:
            if psutil.pid_exists(pid):
                os.kill(pid, signal.SIGCONT)
        self.zombies_shared += taken

    def _broker(self) -> None:
        name = self.running.brokers[-1]
        self.running.kill(name)
        until(lambda: False, _AWAY_S / 3)
        self.running.start([name])

    def _away(self) -> None:
        self.running.kill("authority")
        until(lambda: False, _AWAY_S)
        self.running.start(["authority"])

    def _expire(self) -> None:
        """Keep frames unread until some have come, and let the oldest of them expire."""
        name, admin = "refine-frame", AdminClient(self.running.admin())
        self.running.kill(name)
        asker = Consumer(client.consumer(self.running.admin(), name))
        try:
            count = topics.CATALOGUE[topics.FRAME].partitions
            places = [TopicPartition(topics.FRAME, p) for p in range(count)]
            unread = {tp.partition: tp.offset for tp in asker.committed(places, timeout=20)}

            def waiting() -> dict[int, int]:
                ends = counts.ends(admin, topics.FRAME)
                return {p: at for p, at in unread.items() if ends[p] >= at + 2 * _EXPIRE}

            assert until(lambda: bool(waiting()), _UP_S, 0.5), "no frames come"
            cut = [TopicPartition(topics.FRAME, p, at + _EXPIRE) for p, at in waiting().items()]
            for answer in admin.delete_records(cut).values():
                answer.result(20)
            self.expired += _EXPIRE * len(cut)
        finally:
            asker.close()
            self.running.start([name])

    def _late(self) -> None:
        """Enrol devices that the registries of a worker do not show for a while."""
        self.second.slow.write_text(str(_SLOW_MS))
        self.late.join()
        until(lambda: False, _SLOW_S)
        self.second.slow.unlink()


def step(clock: Path, steps_ms: Sequence[int], number: int) -> None:
    """Set a clock to the next of its steps."""
    clock.write_text(str(steps_ms[number % len(steps_ms)]))


def let_go_of_content(home: Path) -> int:
    """Let a home's spool go of all that waits in it, as its quota would; return the count.

    Ship is dead, so what has come since is on its way to nobody: that much is sure to be let go of.
    """
    spool = Spool(home / "spool.db")
    try:
        before = _pending(spool)
        assert until(lambda: _pending(spool) >= before + 2, 30), "nothing comes to the spool"
        return sum(spool.enforce(Store(age_h=72, cap_bytes=0), time.time_ns() // 10**6).values())
    finally:
        spool.close()


def _pending(spool: Spool) -> int:
    pending: Any = spool.account()["pending"]
    return int(pending["input"] + pending["frame"])


@dataclass(slots=True)
class Late:
    """A fleet that is enrolled in the middle of it all: registries learn of it while it captures.

    Its endpoints' clock is the one that somebody sets.
    """

    run: Run
    clock: Path
    devices: int
    seed: int
    who: list[Member] = field(default_factory=list)
    ship: Simulator | None = None
    capture: Simulator | None = None

    def join(self) -> None:
        """Enrol it and let it capture, once."""
        if self.capture is not None:
            return
        self.who = self.run.enrol(self.devices)
        self.ship = self.run.fleet.ship()
        env = {"PYTHONPATH": str(SET_CLOCK), "OVERT_TEST_CLOCK": str(self.clock)}
        before = {name: os.environ.get(name) for name in env}
        os.environ.update(env)
        try:
            plan = Plan(devices=self.devices, seconds=LONGER_S, seed=self.seed)
            self.capture = self.run.fleet.capture(plan)
        finally:
            for name, value in before.items():
                os.environ.pop(name)
                if value is not None:
                    os.environ[name] = value
