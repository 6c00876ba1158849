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
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_START_TICKS = 19  # of /proc/PID/stat, counted behind the name
_KILL_S = 5.0


def born(pid: int) -> float:
    """Return when a process was born, in Unix time as far as the clock stood still; 0 if none."""
    try:
        process = psutil.Process(pid)
        return 0.0 if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except psutil.Error:
        return 0.0


def birth(pid: int) -> str:
    """Return what tells a process from any other that had or will have its pid; empty if none.

    On Linux the boot and the ticks since: a time would move with the wall clock, and a stack would
    lose its supervisor whenever the clock is set.
    """
    since_epoch = born(pid)
    if not since_epoch:
        return ""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return f"{_BOOT_ID.read_text().strip()}/{fields[_START_TICKS]}"
    except OSError:
        return str(since_epoch)  # elsewhere it is kept with the process


def is_same(pid: int, known: str) -> bool:
    """Whether ``pid`` still is the process whose ``birth`` was that."""
    return known != "" and birth(pid) == known


def supervisor(layout: Layout) -> dict[str, Any] | None:
    """Return what ``supervisor.json`` says, if that supervisor is alive."""
    info = _table(layout.run / "supervisor.json")
    return info if _is_alive(info) else None


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
    children = _table(layout.run / "processes.json")
    return [int(child["pid"]) for child in children.values() if _is_alive(child)]


def _table(path: Path) -> dict[str, Any]:
    try:
        found: object = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _is_alive(entry: object) -> bool:
    match entry:
        case {"pid": int(pid), "birth": str(known)}:
            return is_same(pid, known)
        case _:
            return False


def stop_orphans(layout: Layout, patience_s: float = 15.0) -> int:
    """End what a dead supervisor left running; return how many there were."""
    found = []
    for pid in orphans(layout):
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(pid)
            family = [process, *process.children(recursive=True)]
            found += [(member, birth(member.pid)) for member in family]
    for process, _ in found:
        with contextlib.suppress(psutil.Error):
            process.terminate()
    deadline = time.monotonic() + patience_s
    # Not psutil.wait_procs: where nobody reaps them, the dead stay in the table for ever.
    while alive := [process for process, known in found if is_same(process.pid, known)]:
        late_s = time.monotonic() - deadline
        if late_s > _KILL_S:
            break
        if late_s > 0:
            for process in alive:
                with contextlib.suppress(psutil.Error):
                    process.kill()
        time.sleep(0.05)
    _forget(layout)
    return len(found)


def _forget(layout: Layout) -> None:
    stale = layout.run / "supervisor.json"
    if sockets := _table(stale).get("sockets"):
        shutil.rmtree(str(sockets), ignore_errors=True)
    stale.unlink(missing_ok=True)
    (layout.run / "processes.json").unlink(missing_ok=True)
