"""`just bench-stack`: how soon the stack is ready, its memory, how late a key press is read live.

The first start of a machine (jars, certificates, AOT cache) is set-up and not counted. The way of a
key press is that of the demo: `overtd`, Kafka, refine, feed, `overt-sub tail`, by one clock.
"""

import argparse
import json
import shutil
import subprocess
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from overt_ops.demo.endpoint import program
from overt_ops.demo.source import XVFB_PROGRAMS, Machine, Source, choose
from overt_ops.devstack import DEMO, Stack
from tests.bench.report import emit, say


def main() -> None:
    """Start and stop the stack a few times in one state directory, with a demo in each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=20, help="how long each demo captures")
    parser.add_argument("--source", choices=("xvfb", "scripted"), help="default: xvfb if it can")
    asked = parser.parse_args()
    source = asked.source or _source()
    figures: defaultdict[str, list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="overt-bench") as folder:
        state = Path(folder)
        say("set-up: jars, certificates, topology")
        Stack.up(state, tuning=DEMO).down()
        for number in range(asked.runs):
            began = time.monotonic()
            running = Stack.up(state, tuning=DEMO)
            try:
                figures["ready_s"].append(time.monotonic() - began)
                figures["pss_mb"].append(sum(row.pss_mb for row in running.status()))
                shown = _demo(state, source, asked.seconds)
            finally:
                running.down()
            for name in ("e2e_ms_p50", "e2e_ms_p99"):
                figures[name].append(shown[name])
            said = ", ".join(f"{name} {values[-1]:.1f}" for name, values in figures.items())
            say(f"run {number + 1} of {asked.runs}: {said}")
    emit("stack", figures, {"source": source})


def _source() -> str:
    """Return the private display where it can run: real key presses, under the demo's policy."""
    programs = frozenset(name for name in XVFB_PROGRAMS if shutil.which(name))
    return choose(Source.AUTO, Machine(environment={}, programs=programs)).source.value


def _demo(state: Path, source: str, seconds: int) -> dict[str, Any]:
    argv = [
        program("stream-ops"), "demo", "--source", source, "--seconds", str(seconds), "--json",
        "--state", str(state),
    ]  # fmt: skip
    done = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=seconds + 300)
    if done.returncode != 0:
        raise SystemExit(f"the demo failed:\n{done.stderr}")
    shown: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return shown


if __name__ == "__main__":
    main()
