"""Talking to a stack's supervisor, and finding what a dead one left behind.

The supervisor writes ``run/supervisor.json`` (pid, time of birth, folder of its sockets) and
``run/processes.json`` (the same for each child). A pid counts only together with its time of
birth: pids come back. Questions and answers are one line of JSON over a unix socket.
"""

import contextlib
import json
import shutil
import socket
import time
from pathlib import Path
from typing import Any

import psutil

from overt_ops.devstack.layout import Layout
from overt_schemas.errors import Permanent, Transient

SOCKET_NAME = "control.sock"
_BIRTH_SLACK_S = 0.05


def born(pid: int) -> float:
    """Return when a process was born (Unix time), 0 if there is none."""
    try:
        process = psutil.Process(pid)
        return 0.0 if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except psutil.Error:
        return 0.0


def is_same(pid: int, birth: float) -> bool:
    """Whether ``pid`` still is the process that was born at ``birth``."""
    return abs(born(pid) - birth) < _BIRTH_SLACK_S


def supervisor(layout: Layout) -> dict[str, Any] | None:
    """Return what ``supervisor.json`` says, if that supervisor is alive."""
    try:
        info: dict[str, Any] = json.loads((layout.run / "supervisor.json").read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    return info if is_same(info["pid"], info["born"]) else None


def ask(layout: Layout, request: dict[str, Any], timeout_s: float = 5.0) -> dict[str, Any]:
    """Return the supervisor's answer to one request.

    Raises:
        Permanent: no stack runs in this state directory, or the supervisor says no.
        Transient: it runs and does not answer.
    """
    info = supervisor(layout)
    if info is None:
        raise Permanent(
            f"no stack runs in {layout.state}: start it with `stream-ops dev up`",
            reason="not_running",
        )
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
            link.settimeout(timeout_s)
            link.connect(str(Path(info["sockets"]) / SOCKET_NAME))
            link.sendall(json.dumps(request).encode() + b"\n")
            with link.makefile("rb") as answer:
                found: dict[str, Any] = json.loads(answer.readline())
    except (OSError, json.JSONDecodeError) as exc:
        raise Transient(
            f"the supervisor (pid {info['pid']}) does not answer: try again",
            reason="supervisor",
        ) from exc
    if "error" in found:
        raise Permanent(str(found["error"]), reason="supervisor")
    return found


def orphans(layout: Layout) -> list[int]:
    """Return pids of children that outlived their supervisor."""
    try:
        children: dict[str, dict[str, float]] = json.loads(
            (layout.run / "processes.json").read_text()
        )
    except (FileNotFoundError, json.JSONDecodeError):
        return []
    return [int(c["pid"]) for c in children.values() if is_same(int(c["pid"]), c["born"])]


def stop_orphans(layout: Layout, patience_s: float = 15.0) -> int:
    """End what a dead supervisor left running; return how many there were."""
    found = []
    for pid in orphans(layout):
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(pid)
            found += [process, *process.children(recursive=True)]
    for process in found:
        with contextlib.suppress(psutil.Error):
            process.terminate()
    deadline = time.monotonic() + patience_s
    # Not psutil.wait_procs: where nobody reaps them, the dead stay in the table for ever.
    while alive := [p for p in found if is_same(p.pid, p.create_time())]:
        if time.monotonic() > deadline:
            for process in alive:
                with contextlib.suppress(psutil.Error):
                    process.kill()
            break
        time.sleep(0.05)
    _forget(layout)
    return len(found)


def _forget(layout: Layout) -> None:
    stale = layout.run / "supervisor.json"
    with contextlib.suppress(FileNotFoundError, json.JSONDecodeError, KeyError):
        shutil.rmtree(json.loads(stale.read_text())["sockets"], ignore_errors=True)
    stale.unlink(missing_ok=True)
    (layout.run / "processes.json").unlink(missing_ok=True)
