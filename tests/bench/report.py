"""How every bench prints: progress on stderr, one JSON object as the last line of stdout."""

import json
import os
import platform
import statistics
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version

Figures = Mapping[str, Sequence[float]]


def say(line: str) -> None:
    """Print progress."""
    sys.stderr.write(line + "\n")


def figures(runs: Figures) -> dict[str, float]:
    """Return medians, with `_min` and `_max` beside each where runs differ."""
    out: dict[str, float] = {}
    for name, values in runs.items():
        out[name] = round(statistics.median(values), 3)
        if min(values) != max(values):
            out[f"{name}_min"], out[f"{name}_max"] = round(min(values), 3), round(max(values), 3)
    return out


def emit(bench: str, runs: Figures, more: Mapping[str, object] | None = None) -> None:
    """Print the one object; ``more`` are figures that are no numbers."""
    machine = {
        "cores": os.cpu_count(), "system": platform.platform(terse=True),
        "python": platform.python_version(), "load": round(os.getloadavg()[0], 2),
        "overt": version("overt-schemas"),
    }  # fmt: skip
    count = max(len(values) for values in runs.values())
    body = {
        "bench": bench,
        "machine": machine,
        "runs": count,
        "figures": {**figures(runs), **(more or {})},
    }
    sys.stdout.write(json.dumps(body) + "\n")
