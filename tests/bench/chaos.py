"""Chaos on a stack of its own, as JSON: `python -m tests.bench.chaos [--short]`.

Exit 1 where anything was lost, repeated, out of order, unexplained, or a session differs.
"""

import argparse
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from tests.bench.report import emit, say
from tests.stack import brokers
from tests.walk.storm import LONG, SHORT, storm
from tests.walk.trace import long_trace


def main() -> None:
    """Run one storm and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="what CI runs: under four minutes")
    parser.add_argument("--brokers", type=int, default=0, help="1 or 3 [1 if short, else 3]")
    parser.add_argument("--seconds", type=float, help="how long the storm lasts")
    parser.add_argument("--seed", type=int, help="of persons, kills and trials")
    asked = parser.parse_args()
    weather = SHORT if asked.short else LONG
    changes = {n: v for n in ("seconds", "seed") if (v := getattr(asked, n)) is not None}
    weather = replace(weather, **changes)
    count = asked.brokers or (1 if asked.short else 3)
    with (
        tempfile.TemporaryDirectory() as folder,
        brokers.stack(Path(folder) / "stack", count=count) as running,
    ):
        say(f"{count} broker{'s' * (count > 1)}, {weather}")
        running.start()
        if not asked.short:
            trace = long_trace(Path(folder) / "trace.jsonl", weather.seconds + 300)
            weather = replace(weather, trace=trace)
        aftermath = storm(running, Path(folder), weather)
    figures = aftermath.figures()
    numbers = {name: [float(v)] for name, v in figures.items() if isinstance(v, int | float)}
    emit("chaos", numbers, {n: v for n, v in figures.items() if n not in numbers})
    sys.exit(1 if aftermath.wrong else 0)


if __name__ == "__main__":
    main()
