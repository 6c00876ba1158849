"""A recording of a person, made long enough for a storm: replayed again and again, and slowly.

The recording beside the checkout where there is one (a mouse at 450 events a second), else one that
is written here in the same form.
"""

import json
from pathlib import Path
from typing import Any

RECORDED = Path(__file__).parents[3] / "shared" / "data" / "ducktrack" / "events.jsonl"
# A storm has twenty of these persons on two cores, beside all that falls and gets up again.
SLOWER = 3.0


def long_trace(path: Path, seconds: float) -> Path:
    """Write a recording of so many seconds and return where it lies."""
    rows = [json.loads(line) for line in RECORDED.open()] if RECORDED.exists() else _written()
    begin_s = rows[0]["time_stamp"]
    lasts_s = rows[-1]["time_stamp"] - begin_s + 0.1
    with path.open("w") as out:
        for turn in range(int(seconds / (lasts_s * SLOWER)) + 1):
            for row in rows:
                at_s = (turn * lasts_s + row["time_stamp"] - begin_s) * SLOWER
                if at_s > seconds:
                    break
                out.write(json.dumps({**row, "time_stamp": at_s}) + "\n")
    return path


def _written() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for step in range(13_400):
        at = {"time_stamp": step / 400}
        rows.append({**at, "action": "move", "x": 10 + step % 400, "y": 20 + step % 300})
        if step % 40 == 0:
            rows += [{**at, "action": action, "name": "a"} for action in ("press", "release")]
    return rows
