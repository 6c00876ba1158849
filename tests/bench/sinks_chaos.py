"""Chaos for the sink on servers of its own, as JSON: `python -m tests.bench.sinks_chaos [--short]`.

Exit 1 where anything was lost, repeated, changed or overwritten, or `overt-sink verify` finds
something.
"""

import argparse
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from tests.bench.report import emit, say
from tests.sinks.storm.storm import storm
from tests.sinks.storm.weather import LONG, SHORT


def main() -> None:
    """Run one storm and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="what CI runs: about a minute")
    parser.add_argument("--kills", type=int, help="how often something is killed")
    parser.add_argument("--seed", type=int, help="of kills and line")
    parser.add_argument("--postgres", action="store_true", help="the index on a real PostgreSQL")
    asked = parser.parse_args()
    weather = SHORT if asked.short else LONG
    changes = {n: v for n in ("kills", "seed") if (v := getattr(asked, n)) is not None}
    weather = replace(weather, **changes)
    say(str(weather))
    with tempfile.TemporaryDirectory(prefix="overt-storm") as folder, ExitStack() as stack:
        url = ""
        if asked.postgres:
            from tests.conformance.postgres import server

            running = server()
            name = running.database()
            stack.callback(running.drop, name)
            url = running.url(name)
        outcome = storm(Path(folder), weather, url)
    for line in outcome.wrong:
        say(line)
    figures = outcome.figures
    numbers = {name: [float(v)] for name, v in figures.items() if isinstance(v, int | float)}
    emit("chaos-sinks", numbers, {n: v for n, v in figures.items() if n not in numbers})
    sys.exit(1 if outcome.wrong else 0)


if __name__ == "__main__":
    main()
