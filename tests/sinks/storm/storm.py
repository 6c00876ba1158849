"""The storm: three sinks that each believe to own every partition, and a mover, under all of it.

Afterwards everything is read through the index and held against what was produced.
"""

import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from overt_schemas.errors import OvertError
from overt_schemas.topics import PART
from overt_sinks.index import Index
from overt_sinks.naming import Partition
from tests.sinks.faulty import Faults
from tests.sinks.storm import account
from tests.sinks.storm.feeder import Feeder
from tests.sinks.storm.ground import GROUPS, Ground, ground
from tests.sinks.storm.hands import Killer, Process
from tests.sinks.storm.weather import Dice, Weather, until

_DRAIN_S = 600
_MEMBER_S = 60
_EXIT_PARTIAL = 5
_FAST = {"flush_age_s": 0.15, "object_bytes": 65536, "budget_bytes": 8 * 1048576, "writers": 3}


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What a storm did and left; ``wrong`` has a sentence for each reason why it does not close."""

    figures: dict[str, Any]
    wrong: list[str] = field(default_factory=list)


def say(line: str) -> None:
    """Tell progress."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {line}\n")


@dataclass(slots=True, kw_only=True)
class Storm:
    """One storm on its ground."""

    place: Ground
    weather: Weather
    dice: Dice
    feeder: Feeder
    workers: list[Process] = field(default_factory=list)
    movers: list[Process] = field(default_factory=list)
    verify: Path = Path()
    killer: Killer | None = None
    trials: Counter[str] = field(default_factory=Counter)
    incarnations: list[str] = field(default_factory=list)
    _calm: bool = False

    def prepare(self) -> None:
        """Write everybody's settings and name the processes."""
        place, log = self.place, self.place.folder / "logs"
        log.mkdir()
        tiers = {
            "after_s": 0, "cold_after_s": 0, "grace_s": 2, "late_bytes": 0, "late_s": 0,
            "min_hot_age_s": self.weather.youngest_s,
        }  # fmt: skip
        for group in GROUPS:
            config = place.settings("sink", group, {"sink": {"group": group, **_FAST}})
            command = ["run", "--config", str(config)]
            worker = Process(name=group, arguments=command, log=log / f"{group}.log")
            worker.on_code = self._beginner(group)
            self.workers.append(worker)
        for name in ("mover-1", "mover-2"):
            config = place.settings("mover", name, {"tiers": tiers})
            command = ["move", "--config", str(config), "-o", "json"]
            self.movers.append(
                Process(name=name, arguments=command, log=log / f"{name}.log", pause_s=0.5)
            )
        self.verify = place.settings("verifier", "verifier", {"tiers": tiers})

    def _beginner(self, group: str) -> Any:
        def begin(code: int) -> None:
            # What the message of exit 5 asks a person to do, after the topic was made anew.
            if code == _EXIT_PARTIAL and len(self.incarnations) > 1:
                # A static member is one until its session is over, whatever became of it.
                until(lambda: self.place.commit_zero(group), _MEMBER_S, f"{group} without members")

        return begin

    def rage(self) -> None:
        """Let it all happen; returns when every kill and trial is done."""
        weather = self.weather
        self.killer = Killer(
            victims=[*self.workers, *self.workers, *self.movers], kills=weather.kills,
            every_s=weather.every_s, freezes_s=weather.freezes_s, seed=weather.seed,
        )  # fmt: skip
        for process in (*self.workers, *self.movers):
            process.start()
        until(lambda: self.stored_of(0) > 0, 60, "the first object")
        hand = threading.Thread(target=self.killer.rage, args=(lambda: self._calm,), daemon=True)
        hand.start()
        trials = (self.index_full, self.store_full, self.offsets_lost, self.topic_anew)
        planned = trials * weather.trials
        for number, trial in enumerate(planned, 1):
            share = weather.kills * number / (len(planned) + 1)
            until(lambda at=share: self.killed >= at, 900, "the next trial")  # type: ignore[misc]
            trial()
        hand.join(3600)
        assert not hand.is_alive()

    @property
    def killed(self) -> int:
        """How many were killed so far."""
        return self.killer.done if self.killer else 0

    def index_full(self) -> None:
        """No room on the index's disk for a while."""
        self._full("index_full", self.place.index)

    def store_full(self) -> None:
        """No room on the store's disk for a while."""
        self._full("store_full", self.place.store)
        # SeaweedFS looks at its disk once a minute; its operator would not wait for that.
        self.place.running.restart("seaweed")

    def _full(self, name: str, disk: Any) -> None:
        say(name)
        disk.fill()
        time.sleep(self.weather.full_s)
        disk.clear()
        self.trials[name] += 1

    def offsets_lost(self) -> None:
        """A group's offsets are gone when its sink comes back."""
        victim = self.workers[self.trials["offsets_lost"] % len(self.workers)]
        victim.hold()
        say(f"offsets of {victim.name} lost")
        until(lambda: self.place.forget(victim.name), _MEMBER_S, "an empty group")
        victim.release()
        self.trials["offsets_lost"] += 1

    def topic_anew(self) -> None:
        """The topic is deleted and made anew once everything of it is stored."""
        self.feeder.rest()
        self.drain()
        say("topic made anew")
        new = self.place.recreate_topic()
        self.incarnations.append(new)
        for group in GROUPS:
            self.place.commit_zero(group)  # who has members asks for it by exit 5
        self.feeder.go_on(new)
        self.trials["topic_anew"] += 1

    def drain(self) -> None:
        """Wait until the index has everything that was produced to the topic as it is."""
        ends = self.feeder.ends()
        until(
            lambda: all(self.stored_of(number) >= end for number, end in ends.items()),
            _DRAIN_S, f"everything up to {dict(ends)}",
        )  # fmt: skip

    def stored_of(self, number: int) -> int:
        """Return the offset behind the last one of a partition that is in the index."""
        where = Partition(topic=PART, topic_id=self.incarnations[-1], number=number)
        try:
            last = self._index.last_offset(where)
        except OvertError:
            return 0
        return 0 if last is None else last + 1

    @property
    def _index(self) -> Index:
        return Index(self.place.index_url)

    def settle(self) -> None:
        """Calm: everything is stored, and everybody ends."""
        self._calm, self.dice.bad = True, False
        self.feeder.stop()
        self.drain()
        for process in (*self.workers, *self.movers):
            process.stop()


def storm(folder: Path, weather: Weather, index_url: str = "") -> Outcome:
    """Run one storm to its end, on a ground of its own."""
    began_s, dice = time.monotonic(), Dice(weather.seed)
    faults = Faults(chance=dice, slow_s=weather.slow_s)
    with ground(folder, faults, index_url) as place:
        feeder = Feeder(running=place.running, pause_s=weather.pause_s, topic_id=place.topic_id())
        it = Storm(place=place, weather=weather, dice=dice, feeder=feeder)
        it.incarnations.append(feeder.topic_id)
        it.prepare()
        try:
            with feeder:
                it.rage()
                it.settle()
        finally:
            for process in (*it.workers, *it.movers):
                process.hold()
        return judged(it, time.monotonic() - began_s)


def judged(it: Storm, seconds: float) -> Outcome:
    """Read everything and hold it against what was produced."""
    say("the account")
    feeder, faults = it.feeder, it.place.faults
    stored = account.read_all(it.verify, it.place.running.store_url)
    wrong = account.differences(stored, feeder.sent, feeder.noise)
    report = account.verified(it.verify)
    if report["code"] != 0:
        wrong.append(f"verify: {report}")
    overwritten = faults.overwritten()
    if overwritten:
        wrong.append(f"{len(overwritten)} names stored twice, first {overwritten[0]}")
    if feeder.unanswered:
        wrong.append(f"{feeder.unanswered} records were never acknowledged")
    processes = (*it.workers, *it.movers)
    for process in processes:
        wrong += [f"{process.name} did not end"] if process.stuck else []
        wrong += [f"{process.name} broke: {row}" for row in process.events("sink_broke")]
    killed = sum(process.kills for process in processes)
    adopted = sum(len(worker.events("object_adopted")) for worker in it.workers)
    figures: dict[str, Any] = {
        "records": len(feeder.sent), "set_aside": len(feeder.noise), "kills": killed,
        "frozen": it.killer.frozen if it.killer else 0, "objects": len(faults.stored),
        "adopted": adopted, "overwritten": len(overwritten), "wrong": len(wrong),
        "moved": stored.tiers["warm"], "seconds": round(seconds, 1),
        "line": dict(Counter(word for word in faults.met if word != "ok")),
        "requests": len(faults.met), "trials": dict(it.trials),
        "codes": {p.name: dict(p.codes) for p in processes},
    }  # fmt: skip
    return Outcome(figures=figures, wrong=wrong)
