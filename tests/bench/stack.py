"""`just bench-stack`: seconds until the whole stack is ready, and its memory.

The first start of a machine (jars, certificates, AOT cache) is set-up and not counted.
"""

import argparse
import tempfile
import time
from pathlib import Path

from overt_ops.devstack import DEMO, Stack
from tests.bench.report import emit, say


def main() -> None:
    """Start and stop the stack a few times in one state directory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    runs = parser.parse_args().runs
    ready, memory = [], []
    with tempfile.TemporaryDirectory(prefix="overt-bench") as folder:
        say("set-up: jars, certificates, topology")
        Stack.up(Path(folder), tuning=DEMO).down()
        for number in range(runs):
            began = time.monotonic()
            running = Stack.up(Path(folder), tuning=DEMO)
            ready.append(time.monotonic() - began)
            memory.append(sum(row.pss_mb for row in running.status()))
            running.down()
            say(f"run {number + 1} of {runs}: ready in {ready[-1]:.2f} s, {memory[-1]:.0f} MB")
    emit("stack", {"ready_s": ready, "pss_mb": memory})


if __name__ == "__main__":
    main()
