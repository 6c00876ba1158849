"""`stream-ops simulate`, from the command line: recorded and written persons, and their account."""

import json
import subprocess
from pathlib import Path

import pytest

from overt_ops.demo.endpoint import program
from overt_ops.devstack import Running

KEYS = {
    "devices", "offered", "captured", "spooled", "read", "dropped", "lost", "duplicated",
    "out_of_order", "repeats", "tombstones", "withheld", "unlabelled", "dead_letters", "sessions",
    "segments", "parts", "parts_in_objects", "objects", "frames_read", "faults", "seconds", "each",
}  # fmt: skip


def recording(path: Path) -> Path:
    """Write a DuckTrack recording of somebody who moves the pointer and types."""
    rows: list[dict[str, object]] = []
    for step in range(1200):
        at = {"time_stamp": 100 + step / 40}
        rows.append({**at, "action": "move", "x": 10 + step % 400, "y": 20 + step % 300})
        if step % 8 == 0:
            for action in ("press", "release"):
                rows.append({**at, "action": action, "name": "a"})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.stack
@pytest.mark.timeout(300)
def test_each_device_reads_back_what_it_spooled(product: Running, tmp_path: Path) -> None:
    argv = [
        program("stream-ops"), "simulate", "--devices", "3", "--seconds", "8", "--stagger", "0.5",
        "--trace", str(recording(tmp_path / "events.jsonl")), "-o", "json",
        "--state", str(product.layout.state),
    ]  # fmt: skip

    done = subprocess.run(argv, capture_output=True, text=True, timeout=280)

    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout)
    assert set(found) == KEYS
    assert found["devices"] == found["sessions"]["complete"] == 3
    assert found["offered"] == found["captured"] == found["read"] + sum(found["dropped"].values())
    each = found["each"].values()
    assert all(one["spooled"] == one["read"] + one["thinned"] > one["thinned"] for one in each)
    assert found["repeats"] == found["tombstones"] == found["lost"] == 0


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (("--devices", "0"), "--devices"),
        (("--devices", "1", "--seconds", "1"), "--seconds"),
        (("--devices", "1", "--trace", "/nowhere"), "--trace"),
        ((), "--devices"),
    ],
    ids=["nobody", "too-short", "no-recording", "unsaid"],
)
def test_a_simulation_that_makes_no_sense_is_usage(
    flags: tuple[str, ...], says: str, tmp_path: Path
) -> None:
    argv = [program("stream-ops"), "simulate", *flags, "--state", str(tmp_path)]

    done = subprocess.run(argv, env={}, capture_output=True, text=True, timeout=50)

    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())
