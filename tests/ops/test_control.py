"""A process is known by pid and birth, whatever the wall clock does meanwhile."""

import json
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from overt_ops.devstack import control
from overt_ops.devstack.layout import Layout

SLEEPS = (sys.executable, "-c", "import time; time.sleep(60)")


def layout_of(folder: Path, pid: int, birth: str) -> Layout:
    layout = Layout(state=folder)
    layout.run.mkdir(parents=True)
    info = {"pid": pid, "birth": birth, "sockets": str(folder / "none")}
    (layout.run / "supervisor.json").write_text(json.dumps(info))
    (layout.run / "processes.json").write_text(json.dumps({"kafka": {"pid": pid, "birth": birth}}))
    return layout


@pytest.mark.parametrize("step_s", [-3600.0, 2.0, 86400.0])
def test_a_stack_is_still_found_after_the_clock_was_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step_s: float
) -> None:
    layout = layout_of(tmp_path, os.getpid(), control.birth(os.getpid()))
    before = psutil.boot_time()
    # Linux counts a process's birth in ticks since the boot, whose time moves with the clock.
    monkeypatch.setattr("psutil._psplatform.boot_time", lambda: before + step_s)

    assert control.supervisor(layout) is not None
    assert control.orphans(layout) == [os.getpid()]


def test_a_pid_that_came_back_is_another_process(tmp_path: Path) -> None:
    with subprocess.Popen(SLEEPS) as first, subprocess.Popen(SLEEPS) as second:
        layout = layout_of(tmp_path, second.pid, control.birth(first.pid) + "0")

        found = control.supervisor(layout), control.orphans(layout), control.stop_orphans(layout)
        alive = second.poll() is None
        first.kill()
        second.kill()

    assert found == (None, [], 0)
    assert alive


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"pid": 1}', '{"pid": "x", "birth": 3}'])
def test_what_a_supervisor_did_not_write_names_nobody(tmp_path: Path, text: str) -> None:
    layout = layout_of(tmp_path, 1, "")
    (layout.run / "supervisor.json").write_text(text)
    (layout.run / "processes.json").write_text(text)

    assert control.supervisor(layout) is None
    assert control.orphans(layout) == []


def test_the_dead_were_never_born() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        child.wait()

    assert control.birth(child.pid) == ""
    assert not control.is_same(child.pid, "")
