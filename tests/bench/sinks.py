"""`just bench-sinks`: from topic to object, beside bare puts; memory, compaction, verify, growth.

The real sink on a real broker over TLS and a real S3 server, A B A B in one run; `--short` is for
CI, `--draw FOLDER` writes the pictures of the docs.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from confluent_kafka import ConsumerGroupTopicPartitions, TopicCollection, TopicPartition
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    NewTopic,
    ResourcePatternType,
    ResourceType,
)

from overt_ops.devstack import Running
from overt_schemas.topics import PART
from overt_sinks import settings
from overt_sinks.index import Index
from overt_sinks.naming import topic_uuid
from tests.bench import sinks_broker, streams_draw
from tests.bench.report import emit, say
from tests.bench.sinks_growth import Hoard
from tests.bench.sinks_lanes import Cost, SinkLane, bare_mb_s, raw_put_s
from tests.bench.sinks_load import parts
from tests.sinks.rewritten import rewritten

_SAMPLER = Path(__file__).parent / "sampler"
_MANY, _ASK_S = "overt.many.v1", 60
_KINDS = ("mixed", "frame", "input")
Figures = defaultdict[str, list[float]]


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much is measured; bytes are of a backlog."""

    mb: int
    rounds: int
    kinds: tuple[str, ...]
    flat_mb: int
    flat: Mapping[str, int]  # settings of the sink, where a short backlog would not fill a budget
    partitions: int
    stored: tuple[int, ...]


SHORT = Size(
    mb=48, rounds=1, kinds=("mixed",), flat_mb=12,
    flat={"budget_bytes": 8_388_608, "object_bytes": 1_048_576}, partitions=100,
    stored=(2_000, 20_000),
)  # fmt: skip
LONG = Size(
    mb=256, rounds=3, kinds=_KINDS, flat_mb=96, flat={}, partitions=1000,
    stored=(10_000, 100_000, 1_000_000),
)  # fmt: skip


@dataclass
class Bench:
    """What is up, and what was found."""

    running: Running
    folder: Path
    size: Size
    found: Figures = field(default_factory=lambda: defaultdict(list))
    notes: dict[str, object] = field(default_factory=dict)
    seeds: int = 0

    def __post_init__(self) -> None:
        self.admin = AdminClient(self.running.admin())
        self.config = self.running.settings("sink")
        self.index = Index(settings.load(self.config).index.url)
        self.index.create()
        self.lane = self._lane(self.config, PART, 4)

    def load(self, kind: str, mb: int) -> list[tuple[bytes, bytes]]:
        """Return records that no one has seen before."""
        self.seeds += 1
        return parts(kind, mb * 1_000_000, self.seeds)

    def measure(self) -> None:
        """Fill in the figures."""
        say("warming up: the broker's compiler, the store's first volumes")
        for kind in self.size.kinds:
            self.lane.work(self.load(kind, max(16, self.size.mb // 2)))
        for number in range(self.size.rounds):
            for kind in self.size.kinds:
                self._round(kind)
            last = self.found[f"ratio_raw_put_{self.size.kinds[0]}"][-1]
            say(f"round {number + 1} of {self.size.rounds}: {last:.2f} of raw puts")
        for name in ("mb_s", "ratio_raw_put", "cpu_s_per_gb", "parts_s", "ratio_bare"):
            self.found[name] = self.found[f"{name}_{self.size.kinds[0]}"]
        self._profile()
        self._memory()
        self._compact()
        self._grow()

    def _round(self, kind: str) -> None:
        rows, writers = self.load(kind, self.size.mb), settings.load(self.config).sink.writers
        spans = self.lane.feed(rows)
        cost = self.lane.work(())
        raw_mb_s = sum(cost.sizes) / 1e6 / raw_put_s(self.config, cost.sizes, writers)
        bare = bare_mb_s(self.config, spans)
        size_bytes = sum(len(value) for _, value in rows)
        mb_s = cost.stored / 1e6 / cost.seconds
        for name, value in (
            ("mb_s", mb_s), ("raw_mb_s", raw_mb_s), ("bare_mb_s", bare),
            ("ratio_raw_put", mb_s / raw_mb_s), ("ratio_bare", mb_s / bare),
            ("parts_s", mb_s * 1e6 / size_bytes * len(rows)),
            ("cpu_s_per_gb", cost.cpu_s / size_bytes * 1e9),
            ("cpu_us_per_part", cost.cpu_s / len(rows) * 1e6),
            ("broker_cpu_s_per_gb", cost.servers["kafka"] / size_bytes * 1e9),
            ("store_cpu_s_per_gb", cost.servers["seaweed"] / size_bytes * 1e9),
        ):  # fmt: skip
            self.found[f"{name}_{kind}"].append(value)
        said = f"{mb_s:.0f} MB/s, raw puts {raw_mb_s:.0f}, consume and put {bare:.0f}"
        say(f"{kind}: {said}, {cost.cpu_s / size_bytes * 1e9:.1f} CPU-s a GB")

    def _profile(self) -> None:
        """Say where a sink's threads are while it works off a backlog of input."""
        samples = self.folder / "samples.json"
        self.lane.env = {"PYTHONPATH": str(_SAMPLER), "OVERT_SAMPLES": str(samples)}
        self.lane.work(self.load("input", self.size.mb))
        self.lane.env = {}
        rows = json.loads(samples.read_text()) if samples.exists() else []
        totals: Counter[str] = Counter()
        for place, count in rows:
            totals[place.split(" ")[0]] += count
        self.notes["profile"] = {
            place: round(count / totals[place.split(" ")[0]], 3)
            for place, count in rows[:24]
        }  # fmt: skip

    def _memory(self) -> None:
        """Measure the most memory over a backlog, ten of it, and many partitions."""
        mb, usual = self.size.flat_mb, self.lane.config
        self.lane.config = self._settings("flat", {"sink": self.size.flat})
        one = self.lane.work(self.load("mixed", mb))
        for _ in range(9):
            self.lane.feed(self.load("mixed", mb))
        ten = self.lane.work(self.load("mixed", mb))
        self.lane.config = usual
        self.found["rss_mb_at_1x"].append(one.hwm_mb)
        self.found["rss_mb_at_10x"].append(ten.hwm_mb)
        say(f"{one.hwm_mb:.0f} MB at {mb} MB of backlog, {ten.hwm_mb:.0f} at ten times that")
        many = self._many()
        self.found[f"rss_mb_at_{self.size.partitions}_partitions"].append(many.hwm_mb)
        say(f"{many.hwm_mb:.0f} MB at {self.size.partitions} partitions")

    def _many(self) -> Cost:
        count = self.size.partitions
        for done in self.admin.create_topics([NewTopic(_MANY, count, 1)]).values():
            done.result(_ASK_S)
        allowed = [
            AclBinding(
                kind, name, ResourcePatternType.LITERAL, "User:sink", "*", AclOperation.READ,
                AclPermissionType.ALLOW,
            )
            for kind, name in ((ResourceType.TOPIC, _MANY), (ResourceType.GROUP, _MANY))
        ]  # fmt: skip
        for granted in self.admin.create_acls(allowed).values():
            granted.result(_ASK_S)
        tops = [TopicPartition(_MANY, number, 0) for number in range(count)]
        asked = self.admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(_MANY, tops)])
        for set_to in asked.values():
            set_to.result(_ASK_S)
        config = self._settings(
            "many", {"sink": {"topic": _MANY, "group": _MANY, **self.size.flat}}
        )
        lane = self._lane(config, _MANY, count)
        lane.full_bytes = 0
        return lane.work(self.load("mixed", self.size.flat_mb))

    def _compact(self) -> None:
        """Have a mover pack what was sunk."""
        tiers = {"after_s": 0, "late_bytes": 0, "cold_after_s": 0}
        config = self._settings("mover", {"tiers": tiers}, who="mover")
        program = str(Path(sys.executable).with_name("overt-sink"))
        done = subprocess.run(
            [program, "move", "--config", str(config), "-o", "json"], capture_output=True,
            text=True, check=False, timeout=1800,
        )  # fmt: skip
        if done.returncode:
            raise SystemExit(f"the mover failed: {done.stderr[-500:]}")
        said = json.loads(done.stdout.splitlines()[-1])
        self.found["compaction_mb_s"].append(said["bytes"] / 1e6 / said["seconds"])
        say(f"{said['bytes'] / 1e6:.0f} MB packed in {said['seconds']:.0f} s")

    def _grow(self) -> None:
        hoard = Hoard.empty(self.folder / "hoard")
        for stored in self.size.stored:
            hoard.grow(stored)
            hoard.plan_ms()  # the pages of the database are read once
            self.found[f"plan_ms_{stored}"] += [hoard.plan_ms() for _ in range(3)]
            self.found[f"verify_s_{stored}"].append(hoard.verify_s())
            plan, verify = self.found[f"plan_ms_{stored}"][-1], self.found[f"verify_s_{stored}"][-1]
            say(f"{stored:,} parts stored: plan {plan:.0f} ms, verify {verify:.1f} s")
        most = self.size.stored[-1]
        self.found["verify_s_per_million"].append(self.found[f"verify_s_{most}"][0] / most * 1e6)
        hoard.index.close()

    def _lane(self, config: Path, topic: str, partitions: int) -> SinkLane:
        asked = self.admin.describe_topics(TopicCollection([topic]))
        topic_id = topic_uuid(str(asked[topic].result(_ASK_S).topic_id))
        return SinkLane(
            running=self.running, config=config, topic=topic, topic_id=topic_id, index=self.index,
            partitions=partitions,
        )  # fmt: skip

    def _settings(
        self, name: str, changes: Mapping[str, Mapping[str, Any]], who: str = "sink"
    ) -> Path:
        return rewritten(self.running.settings(who), self.folder / name, changes)


def draw(bench: Bench, folder: Path) -> None:
    """Write the pictures."""
    growth = {
        name: [(f"{n:,}", bench.found[f"{figure}_{n}"][0]) for n in bench.size.stored]
        for name, figure in (("plan, ms", "plan_ms"), ("verify, s", "verify_s"))
    }
    lanes = [
        (kind, f"{what}, {load}", bench.found[f"{figure}_{load}"][0])
        for load in bench.size.kinds
        for kind, what, figure in (
            ("step", "overt-sink", "mb_s"), ("shell", "consume and put", "bare_mb_s"),
            ("shell", "raw puts", "raw_mb_s"),
        )
    ]  # fmt: skip
    streams_draw.write(
        folder,
        {
            "growth": streams_draw.curves(growth, "by parts stored"),
            "lanes": streams_draw.profile(lanes, "From topic to object", unit="MB/s", share=False),
        },
    )


def main() -> None:
    """Measure, draw, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--draw", type=Path)
    given = parser.parse_args()
    os.umask(0o077)
    with tempfile.TemporaryDirectory(prefix="overt-bench") as folder, ExitStack() as stack:
        say("set-up: servers")
        running = stack.enter_context(sinks_broker.stack(Path(folder) / "state"))
        bench = Bench(
            running=running, folder=Path(folder), size=SHORT if given.short else LONG
        )  # fmt: skip
        bench.measure()
        if given.draw:
            draw(bench, given.draw)
    emit("sinks", bench.found, bench.notes)


if __name__ == "__main__":
    main()
