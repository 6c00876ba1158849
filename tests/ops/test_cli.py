"""``stream-ops`` as an operator meets it: one line for each mistake, and the right exit code."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

CLI = Path(sys.executable).parent / "stream-ops"


def run(*arguments: str, state: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(CLI), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
        env={"PATH": "/usr/bin:/bin", "OVERT_STATE": str(state), "HOME": str(state)},
    )


@pytest.mark.parametrize("verb", ["dev status", "topology apply"])
def test_asking_a_stack_that_does_not_run_is_one_line(tmp_path: Path, verb: str) -> None:
    done = run(*verb.split(), state=tmp_path)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert "stream-ops dev up" in done.stderr


def test_status_answers_within_a_second_even_without_a_stack(tmp_path: Path) -> None:
    run("dev", "status", state=tmp_path)  # compiles what is imported
    before = time.monotonic()

    run("dev", "status", state=tmp_path)

    assert time.monotonic() - before < 5 * 1.0  # five developers share two cores


def test_a_broken_topology_is_a_usage_error(tmp_path: Path) -> None:
    done = run("topology", "show", "--topology", str(tmp_path), state=tmp_path)

    assert done.returncode == 2
    assert done.stderr.count("\n") == 1


def test_show_prints_the_declared_topology_as_json(tmp_path: Path) -> None:
    done = run("topology", "show", "-o", "json", state=tmp_path)

    assert done.returncode == 0
    assert "overt.part.v1" in json.loads(done.stdout)["topics"]


def test_down_without_a_stack_is_fine(tmp_path: Path) -> None:
    assert run("dev", "down", state=tmp_path).returncode == 0
