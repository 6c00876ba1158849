"""The supervisor with real, tiny processes: starts, kills, order of stops, a vanished directory."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from overt_ops.devstack import control, service
from overt_ops.devstack.layout import Layout
from overt_ops.devstack.service import Probe, Service
from overt_ops.private import private_dir, write_private
from overt_schemas.errors import Permanent

PATIENCE_S = 20.0
# Says on one line when it ends, so that the order of stops can be read.
PATIENT = """
import signal, sys, time
def end(*_):
    open("order", "a").write(sys.argv[1] + "\\n"); sys.exit(0)
signal.signal(signal.SIGTERM, end)
open(sys.argv[1] + ".ready", "w").close()
while True: time.sleep(60)
"""


def until(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def patient(layout: Layout, name: str, stage: int = 0, code: str = PATIENT) -> Service:
    """A process that says it is ready and waits for SIGTERM, unless ``code`` is something else."""
    return Service(
        name=name,
        argv=(sys.executable, "-c", code, name),
        cwd=str(layout.state),
        log=str(layout.log(name)),
        stage=stage,
        probe=Probe(ready_file=str(layout.state / f"{name}.ready")),
        stop_s=5.0,
    )


@pytest.fixture
def layout(tmp_path: Path) -> Iterator[Layout]:
    found = Layout(state=private_dir(tmp_path / "state"))
    private_dir(found.run)
    private_dir(found.state / "logs")
    yield found
    if control.supervisor(found):
        control.ask(found, {"do": "shutdown"})
        assert until(lambda: control.supervisor(found) is None)
    control.stop_orphans(found)


def supervise(layout: Layout, *table: Service) -> None:
    write_private(layout.run / "table.json", service.to_json(table))
    command = [sys.executable, "-m", "overt_ops.devstack.supervise", str(layout.state)]
    subprocess.run(command, check=True, timeout=30, stdout=subprocess.DEVNULL)
    assert until(lambda: control.supervisor(layout) is not None)


def row(layout: Layout, name: str) -> dict[str, Any]:
    rows = control.ask(layout, {"do": "status"})["processes"]
    found: dict[str, Any] = next(r for r in rows if r["name"] == name)
    return found


def is_ready(layout: Layout, name: str) -> bool:
    return bool(row(layout, name)["state"] == "ready")


def test_a_killed_process_is_started_again_and_its_old_word_does_not_count(
    layout: Layout,
) -> None:
    supervise(layout, patient(layout, "a"))
    assert until(lambda: is_ready(layout, "a"))
    first = row(layout, "a")["pid"]

    os.kill(first, signal.SIGKILL)

    assert until(lambda: row(layout, "a")["restarts"] == 1 and is_ready(layout, "a"))
    assert row(layout, "a")["pid"] != first


def test_stops_go_by_stage_and_leave_nothing(layout: Layout) -> None:
    supervise(
        layout, patient(layout, "low", 0), patient(layout, "high", 2), patient(layout, "mid", 1)
    )
    control.ask(layout, {"do": "start", "names": ["mid", "high"]})
    assert until(lambda: all(is_ready(layout, name) for name in ("low", "mid", "high")))
    pids = [row(layout, name)["pid"] for name in ("low", "mid", "high")]

    control.ask(layout, {"do": "shutdown"})

    assert until(lambda: control.supervisor(layout) is None)
    assert (layout.state / "order").read_text().split() == ["high", "mid", "low"]
    assert not any(control.born(pid) for pid in pids)


def test_a_process_that_ignores_sigterm_is_killed_with_its_children(layout: Layout) -> None:
    stubborn = (
        "import signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = subprocess.Popen(['sleep', '600'])\n"
        "open('child', 'w').write(str(child.pid))\n"
        "open(sys.argv[1] + '.ready', 'w').close()\n"
        "time.sleep(600)\n"
    )
    entry = patient(layout, "a", code=stubborn)
    supervise(layout, replace(entry, stop_s=0.2))
    assert until(lambda: is_ready(layout, "a"))
    child = int((layout.state / "child").read_text())

    control.ask(layout, {"do": "shutdown"})

    assert until(lambda: control.supervisor(layout) is None)
    assert until(lambda: not control.born(child))


def test_a_removed_state_directory_ends_everything(layout: Layout) -> None:
    supervise(layout, patient(layout, "a"))
    assert until(lambda: is_ready(layout, "a"))
    pid, supervisor = row(layout, "a")["pid"], control.supervisor(layout)
    assert supervisor is not None

    # Away at once: while files are removed one by one the supervisor still writes its state there.
    gone = layout.state.rename(layout.state.with_name("gone"))
    shutil.rmtree(gone, ignore_errors=True)

    assert until(lambda: not control.born(pid) and not control.born(supervisor["pid"]))


def test_what_a_killed_supervisor_left_is_found_and_ended(layout: Layout) -> None:
    supervise(layout, patient(layout, "a"))
    assert until(lambda: is_ready(layout, "a"))
    pid, supervisor = row(layout, "a")["pid"], control.supervisor(layout)
    assert supervisor is not None
    os.kill(supervisor["pid"], signal.SIGKILL)
    assert until(lambda: control.supervisor(layout) is None)

    count = control.stop_orphans(layout)

    assert (count, control.born(pid)) == (1, 0.0)
    assert not Path(supervisor["sockets"]).exists()


def test_a_server_that_answers_a_stranger_is_stopped_for_good(layout: Layout) -> None:
    door = (
        "import http.server\n"
        "server = http.server.HTTPServer(('127.0.0.1', 0), http.server.SimpleHTTPRequestHandler)\n"
        "open('port', 'w').write(str(server.server_address[1]))\n"
        "server.serve_forever()\n"
    )
    probe = subprocess.Popen(
        [sys.executable, "-c", door], cwd=layout.state, stderr=subprocess.DEVNULL
    )
    try:
        assert until((layout.state / "port").exists)
        assert until(lambda: (layout.state / "port").read_text() != "")
        url = f"http://127.0.0.1:{(layout.state / 'port').read_text()}/"
        entry = patient(layout, "a")
        open_door = Probe(ready_file=entry.probe.ready_file, refused_urls=(url,))

        supervise(layout, replace(entry, probe=open_door))

        assert until(lambda: row(layout, "a")["state"] == "failed")
        assert "answers 200 to a stranger" in row(layout, "a")["reason"]
    finally:
        probe.kill()
        probe.wait()


def test_a_command_that_does_not_exist_is_given_up(layout: Layout) -> None:
    entry = patient(layout, "a")
    supervise(layout, replace(entry, argv=("/no/such",)))

    assert until(lambda: row(layout, "a")["state"] == "failed")


def test_a_request_that_makes_no_sense_is_refused_and_harms_nobody(layout: Layout) -> None:
    supervise(layout, patient(layout, "a"))

    with pytest.raises(Permanent, match="no process called"):
        control.ask(layout, {"do": "start", "names": ["nobody"]})
    with pytest.raises(Permanent, match="cannot dance"):
        control.ask(layout, {"do": "dance"})
    with pytest.raises(Permanent, match="does not understand"):
        control.ask(layout, {"sing": True})

    assert until(lambda: is_ready(layout, "a"))


def test_nobody_else_can_reach_the_control_socket(layout: Layout) -> None:
    supervise(layout)
    found = control.supervisor(layout)
    assert found is not None

    assert Path(found["sockets"]).stat().st_mode & 0o077 == 0
    assert psutil.Process(found["pid"]).terminal() is None
