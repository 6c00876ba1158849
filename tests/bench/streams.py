"""`just bench-streams`: what a batch costs in refine, side by side with what it might cost.

The real worker on real brokers over TLS, with real registries and keys; medians of rounds in which
every lane is fed in turn. `--short` is for CI; `--draw FOLDER` writes the pictures of the docs.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from confluent_kafka.admin import NewTopic

from overt_schemas import codec
from overt_schemas.ids import Stream
from overt_schemas.topics import PART, RAW
from tests.bench import streams_draw, streams_floor
from tests.bench.report import emit, say
from tests.bench.streams_lanes import Lane, spawn
from tests.bench.streams_load import DEMO, WHOLE, Fleet, Row, Sealed, frames, full, trace
from tests.bench.streams_rival import MARK, OUT
from tests.processors.stand import Stand, Worker, stand, until

_HERE = Path(__file__).parent
_QUIX = "quixstreams==3.28.1"
_ACTIVE, _EVENTS = 50, 256
Figures = defaultdict[str, list[float]]


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much is measured."""

    batches: int
    frames: int
    rounds: int
    devices: tuple[int, ...]
    quix: bool
    repeats: int  # of each point of the growth curves


SHORT = Size(batches=1000, frames=50, rounds=3, devices=(50, 500), quix=False, repeats=1)
LONG = Size(batches=6000, frames=600, rounds=3, devices=(50, 500, 5000), quix=True, repeats=3)


@dataclass
class Bench:
    """What is up, and what was found."""

    site: Stand
    fleet: Fleet
    size: Size
    stack: ExitStack
    found: Figures = field(default_factory=lambda: defaultdict(list))
    notes: dict[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.producer = self.site.producer()
        self.connection = self.site.running.admin()
        self.file = self.site.folder / "connection.json"
        self.file.touch(mode=0o600)
        self.file.write_text(json.dumps(self.connection))

    def publish(self, rows: list[Row]) -> None:
        """Write registry records."""
        for topic, key, signed in rows:
            self.producer.produce(topic, codec.encode(signed), key, partition=0)
            self.producer.poll(0)
        assert self.producer.flush(60) == 0

    def refine(self, *workers: Worker, stream: Stream = Stream.INPUT) -> Lane:
        """Return the lane of real workers."""
        for worker in workers:
            until(lambda w=worker: w.is_ready, 60, f"ready ({worker.log})")  # type: ignore[misc]
        return Lane(
            name="refine", topic=RAW[stream], group=f"refine-{stream.name.lower()}",
            connection=self.connection, pids=lambda: [w.child() for w in workers], out=PART,
        )  # fmt: skip

    def rival(self, kind: str, size: int, python: str = sys.executable) -> Lane:
        """Start a rival; it reads a topic of its own."""
        name = f"bench-{kind}"
        topics = [NewTopic(f"{name}.in", 4, 1)]
        for done in self.site.admin.create_topics(topics).values():
            done.result(20)
        if kind == "quix":
            command = [python, str(_HERE / "streams_quix.py"), name, str(self.file), str(size)]
        else:
            settings = self.site.running.settings("refine-input")
            command = [python, "-m", "tests.bench.streams_rival", kind, name, str(self.file)]
            command += [str(settings), str(size)]
        process = spawn(command, self.site.folder / f"{name}.log")
        lane = Lane(
            name=kind, topic=f"{name}.in", group=name, connection=self.connection,
            pids=lambda: [process.pid], process=process, out=OUT,
            marks=(MARK,) * 4 if kind == "consume" else (),
        )  # fmt: skip
        self.stack.callback(lane.close)
        return lane

    def rate(self, lane: Lane, rows: Sealed) -> float:
        """Return records per CPU second."""
        return len(rows) / lane.cost_s(self.producer, rows)


def quix_python(folder: Path) -> str:
    """Return the interpreter of an environment with quixstreams, made by uv."""
    python = str(folder / "bin" / "python")
    for command in (
        ["uv", "venv", "-q", "--python", sys.executable, str(folder)],
        ["uv", "pip", "install", "-q", "--python", python, _QUIX],
    ):
        # Not from the checkout: its constraints are for our own environment.
        subprocess.run(command, cwd=folder.parent, check=True, timeout=120, capture_output=True)
    return python


def measure(bench: Bench) -> None:
    """Fill in the figures."""
    size, fleet, found = bench.size, bench.fleet, bench.found
    bench.publish(fleet.rules())
    bench.publish(fleet.enrol(WHOLE, _ACTIVE) + fleet.enrol(DEMO, _ACTIVE))
    source, seconds = trace()
    events = sum(len(batch.kind) for batch in seconds) / len(seconds)
    say(f"trace: {source}, {len(seconds)} s, {events:.0f} events a second")
    say("set-up: sealing what is fed, starting what is measured")

    def told(number: int) -> object:
        return seconds[(number // _ACTIVE + number) % len(seconds)]

    loads = {
        "full": fleet.seal(WHOLE, _ACTIVE, size.batches, full),
        "trace": fleet.seal(WHOLE, _ACTIVE, size.batches, told),  # type: ignore[arg-type]
        "full_thinned": fleet.seal(DEMO, _ACTIVE, size.batches, full),
        "trace_thinned": fleet.seal(DEMO, _ACTIVE, size.batches, told),  # type: ignore[arg-type]
    }
    shots = fleet.seal(WHOLE, _ACTIVE, size.frames, frames)
    refine = bench.refine(bench.site.start())
    for rows in loads.values():
        refine.cost_s(bench.producer, rows[: 4 * _ACTIVE])
    framing = bench.refine(bench.site.start(Stream.FRAME), stream=Stream.FRAME)
    framing.cost_s(bench.producer, shots[:_ACTIVE])
    part = len(bench.site.read(PART)[0].value())
    say(f"records of {len(loads['full'][0][1])} bytes in, {part} out")
    rivals = _rivals(bench, part)
    for lane in rivals.values():
        lane.cost_s(bench.producer, loads["full"][: 4 * _ACTIVE])
    for number in range(size.rounds):
        ours = bench.rate(refine, loads["full"])
        found["batches_per_cpu_s_full"].append(ours)
        found["events_per_cpu_s_full"].append(ours * _EVENTS)
        for name, lane in rivals.items():
            theirs = bench.rate(lane, loads["full"])
            found[f"batches_per_cpu_s_{name}"].append(theirs)
            found[f"ratio_{name}"].append(ours / theirs)
        for name in ("trace", "full_thinned", "trace_thinned"):
            found[f"batches_per_cpu_s_{name}"].append(bench.rate(refine, loads[name]))
        found["events_per_cpu_s_full_thinned"].append(
            found["batches_per_cpu_s_full_thinned"][-1] * _EVENTS
        )
        mb = sum(len(value) for _, value in shots) / 1e6
        found["frames_mb_per_cpu_s"].append(mb / framing.cost_s(bench.producer, shots))
        say(
            f"round {number + 1} of {size.rounds}: {ours:,.0f} batches, {ours * _EVENTS:,.0f} "
            f"events a CPU-s full, {found['batches_per_cpu_s_trace'][-1]:,.0f} batches of the "
            f"trace, {found['ratio_bare_faust'][-1]:.2f} of bare Faust"
        )
    _stages(bench, loads["full"])
    _growth(bench, refine)


def _rivals(bench: Bench, part: int) -> dict[str, Lane]:
    for done in bench.site.admin.create_topics([NewTopic(OUT, 4, 1)]).values():
        done.result(20)
    rivals = {
        "bare_faust": bench.rival("bare", part),
        "consume_only": bench.rival("consume", part),
        "confluent_loop": bench.rival("loop", part),
        "raw_loop": bench.rival("raw", part),
    }
    if bench.size.quix:
        try:
            python = quix_python(bench.site.folder / "quix")
        except (OSError, subprocess.SubprocessError) as exc:
            bench.notes["quix"] = f"not installed: {type(exc).__name__}"
        else:
            rivals["quix"] = bench.rival("quix", part, python)
    else:
        bench.notes["quix"] = "left out of the short run"
    return rivals


def _stages(bench: Bench, rows: Sealed) -> None:
    rows = rows[:2000]
    run = streams_floor.step_over(bench.fleet, rows)
    stages = streams_floor.shares(run, len(rows))
    median = {name: statistics.median(values) for name, values in bench.found.items()}
    consume, bare = (1e6 / median[f"batches_per_cpu_s_{n}"] for n in ("consume_only", "bare_faust"))
    whole = 1e6 / median["batches_per_cpu_s_full"]
    shell = {
        "Faust: fetch, TLS, stream": consume,
        "rest of the worker: produce, acknowledge": whole - consume - sum(stages.values()),
    }
    bench.notes["profile"] = {
        name: round(us / whole, 3) for name, us in {**shell, **stages}.items()
    }
    bench.notes["profile_us"] = {name: round(us, 1) for name, us in {**shell, **stages}.items()}
    for name, us in streams_floor.floor(rows).items():
        bench.found[f"floor_us_{name}"].append(us)
    floor = 1e6 / median["batches_per_cpu_s_raw_loop"] + sum(
        bench.found[f"floor_us_{name}"][0]
        for name in ("aes_open_seal", "sign", "sha256", "inflate")
    )
    bench.found["floor_us"].append(floor)
    bench.found["floor_distance"].append(whole / floor)
    say(f"{whole:.0f} us a batch ({bare:.0f} in bare Faust); floor {floor:.0f} us")


def _growth(bench: Bench, refine: Lane) -> None:
    size, fleet = bench.size, bench.fleet
    devices: list[tuple[int, Sealed]] = []
    for number in size.devices:
        bench.publish(fleet.enrol(WHOLE, number - len(fleet.devices[WHOLE])))
        active = number // 10
        rows = fleet.seal(WHOLE, active, size.batches, full)
        refine.cost_s(bench.producer, rows[:active])
        devices.append((number, rows))
    for _ in range(size.repeats):
        for number, rows in devices:
            us = 1e6 / bench.rate(refine, rows) / _EVENTS
            bench.found[f"cpu_us_per_event_{number}_devices"].append(us)
    rows = devices[0][1]
    alone = refine
    for _ in range(size.repeats):
        bench.found["cpu_us_per_event_1_workers"].append(1e6 / bench.rate(alone, rows) / _EVENTS)
    first = bench.site.workers[0]
    shared = len(first.lines("partitions_assigned"))
    second = bench.site.start(name="b")
    both = bench.refine(first, second)
    until(lambda: len(first.lines("partitions_assigned")) > shared, 30, "shared")
    for _ in range(size.repeats):
        bench.found["cpu_us_per_event_2_workers"].append(1e6 / bench.rate(both, rows) / _EVENTS)


def draw(bench: Bench, folder: Path) -> None:
    """Write the pictures."""
    us: dict[str, float] = bench.notes["profile_us"]  # type: ignore[assignment]
    rows = [
        ("shell" if at < 2 else "step", name, value) for at, (name, value) in enumerate(us.items())
    ]
    growth = {
        name: [
            (str(n), statistics.median(bench.found[f"cpu_us_per_event_{n}_{name}"]))
            for n in numbers
        ]
        for name, numbers in (("devices", bench.size.devices), ("workers", (1, 2)))
    }
    streams_draw.write(
        folder,
        {
            "profile": streams_draw.profile(rows, "A full batch (256 events) in refine, by stage"),
            "growth": streams_draw.curves(growth, "CPU us per event"),
        },
    )


def main() -> None:
    """Measure, draw, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--draw", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="overt-bench") as folder, ExitStack() as stack:
        say("set-up: brokers")
        site = stack.enter_context(stand(Path(folder)))
        bench = Bench(
            site=site, fleet=Fleet(world=site.world), size=SHORT if given.short else LONG,
            stack=stack,
        )  # fmt: skip
        measure(bench)
        if given.draw:
            draw(bench, given.draw)
    emit("streams", bench.found, bench.notes)


if __name__ == "__main__":
    main()
