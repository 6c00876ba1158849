"""The supervisor: one small process that starts, watches and stops all others.

``python -m overt_ops.devstack.supervise STATE`` detaches itself (own session, no terminal), reads
``run/table.json``, starts stage 0 and waits for requests: ``status``, ``start``, ``stop``,
``restart`` and ``kill`` with names, ``shutdown``. ``start`` reads the table again, so services can
be added to a running stack. SIGTERM means ``shutdown``, and so does a state directory that was
removed or taken over. It holds no secret and imports no client library.

One thread, one loop: children (SIGCHLD), requests (unix socket), probes and time.
"""

import contextlib
import json
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from overt_ops.devstack import control, probes, service
from overt_ops.devstack.layout import Layout
from overt_ops.devstack.supervision import (
    AT_REST,
    Action,
    BecameReady,
    Event,
    Exited,
    Kill,
    Phase,
    Spawned,
    Start,
    Stop,
    Tick,
    Unit,
    Unsafe,
    next_to_stop,
    step,
)
from overt_ops.private import private_dir, write_private

_BUSY_S, _IDLE_S = 0.05, 1.0
_SETTLE_S = 1.0  # a process without any probe counts as ready after it has lived that long
_LOG_LIMIT_BYTES = 16 * 2**20
_EVENTS: dict[str, Event] = {
    "start": Start(),
    "restart": Stop(again=True),
    "stop": Stop(),
    "kill": Kill(),
}


class Supervisor:
    """The loop's state: units by name, and the children that belong to them."""

    def __init__(self, layout: Layout, sockets: Path) -> None:
        self._layout = layout
        self._sockets = sockets
        self._units: dict[str, Unit] = {}
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._leaving = False

    def run(self) -> None:
        """Serve until everything has been stopped on request."""
        selector = selectors.DefaultSelector()
        wake_in, wake_out = socket.socketpair()
        wake_out.setblocking(False)
        signal.set_wakeup_fd(wake_out.fileno())
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._leave)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            listener.bind(str(self._sockets / control.SOCKET_NAME))
            listener.listen(8)
            selector.register(listener, selectors.EVENT_READ)
            selector.register(wake_in, selectors.EVENT_READ)
            self._introduce()
            self._load()
            for unit in list(self._units.values()):
                if unit.service.stage == 0:
                    self._tell(unit.service.name, Start())
            while not (self._leaving and self._all_at_rest()):
                for key, _ in selector.select(self._patience()):
                    if key.fileobj is listener:
                        self._serve(listener)
                    else:
                        wake_in.recv(4096)
                self._look_around()
        selector.close()

    def _leave(self, *_: object) -> None:
        self._leaving = True

    def _introduce(self) -> None:
        pid = os.getpid()
        info = {"pid": pid, "birth": control.birth(pid), "sockets": str(self._sockets)}
        write_private(self._layout.run / "supervisor.json", json.dumps(info))

    def _load(self) -> None:
        for entry in service.from_json((self._layout.run / "table.json").read_text()):
            known = self._units.get(entry.name)
            if known is None:
                self._units[entry.name] = Unit(service=entry)
            elif known.phase in AT_REST:
                self._units[entry.name] = Unit(service=entry, restarts=known.restarts)

    def _all_at_rest(self) -> bool:
        return all(unit.phase in AT_REST for unit in self._units.values())

    def _patience(self) -> float:
        waiting = {Phase.STARTING, Phase.BACKING_OFF, Phase.STOPPING}
        busy = self._leaving or any(unit.phase in waiting for unit in self._units.values())
        return _BUSY_S if busy else _IDLE_S

    def _look_around(self) -> None:
        for name, child in list(self._children.items()):
            code = child.poll()
            if code is not None:
                del self._children[name]
                self._end_group(child.pid)
                self._tell(name, Exited(code=code))
        for name, unit in list(self._units.items()):
            if unit.phase is Phase.STARTING and name in self._children:
                self._probe(unit)
            self._tell(name, Tick())
        if not self.is_ours():
            self._leaving = True
        if self._leaving:
            for name in next_to_stop(self._units.values()):
                if self._units[name].phase is not Phase.STOPPING:
                    self._tell(name, Stop())

    def is_ours(self) -> bool:
        """Whether the state directory still is this supervisor's: not removed, not taken over."""
        try:
            info = json.loads((self._layout.run / "supervisor.json").read_text())
        except (OSError, ValueError):
            return False
        return bool(info["pid"] == os.getpid())

    def _probe(self, unit: Unit) -> None:
        probe = unit.service.probe
        if not (probe.port or probe.url or probe.ready_file):
            if time.monotonic() - unit.since >= _SETTLE_S:
                self._tell(unit.service.name, BecameReady())
            return
        outcome, reason = probes.look(probe, unit.pid)
        if outcome is probes.Outcome.READY:
            self._tell(unit.service.name, BecameReady())
        elif outcome is probes.Outcome.UNSAFE:
            self._tell(unit.service.name, Unsafe(reason=reason))

    def _tell(self, name: str, event: Event) -> None:
        before = self._units[name]
        unit, action = step(before, event, time.monotonic())
        self._units[name] = unit
        if unit.phase is not before.phase:
            _say(f"{name}: {unit.phase.value} {unit.reason}".rstrip())
        if action is Action.SPAWN:
            self._spawn(unit)
        elif action is Action.TERMINATE:
            self._signal(name, signal.SIGTERM)
        elif action is Action.KILL:
            self._signal(name, signal.SIGKILL)

    def _spawn(self, unit: Unit) -> None:
        entry = unit.service
        log = Path(entry.log)
        if log.exists() and log.stat().st_size > _LOG_LIMIT_BYTES:
            log.replace(log.with_suffix(".log.1"))
        try:
            with log.open("ab") as output:
                child = subprocess.Popen(
                    [part.replace(service.SOCKETS, str(self._sockets)) for part in entry.argv],
                    cwd=entry.cwd,
                    env=entry.environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    process_group=0,
                )
        except OSError as exc:
            _say(f"{entry.name}: cannot start: {exc}")
            self._tell(entry.name, Exited(code=127))
            return
        self._children[entry.name] = child
        self._tell(entry.name, Spawned(pid=child.pid))
        self._remember()

    def _remember(self) -> None:
        children = {
            name: {"pid": child.pid, "birth": control.birth(child.pid)}
            for name, child in self._children.items()
        }
        write_private(self._layout.run / "processes.json", json.dumps(children))

    def _signal(self, name: str, number: signal.Signals) -> None:
        child = self._children.get(name)
        if child is None:
            return
        with contextlib.suppress(ProcessLookupError):
            if number is signal.SIGKILL:
                os.killpg(child.pid, number)
            else:
                child.send_signal(number)

    @staticmethod
    def _end_group(group: int) -> None:
        # A worker's own children must not outlive it and hold its ports.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)

    def _serve(self, listener: socket.socket) -> None:
        link, _ = listener.accept()
        with link, contextlib.suppress(OSError):
            link.settimeout(0.5)
            with link.makefile("rb") as lines:
                answer = self._answer(lines.readline())
            link.sendall(json.dumps(answer).encode() + b"\n")

    def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            request = json.loads(line)
            verb, names = request["do"], request.get("names", [])
        except (ValueError, KeyError, TypeError):
            return {"error": "the supervisor was asked something it does not understand"}
        if verb == "start":
            self._load()
        unknown = [name for name in names if name not in self._units]
        if unknown:
            return {"error": f"no process called {', '.join(unknown)} in this stack"}
        if event := _EVENTS.get(verb):
            for name in names:
                self._tell(name, event)
        elif verb == "shutdown":
            self._leaving = True
        elif verb != "status":
            return {"error": f"the supervisor cannot {verb}"}
        return {"processes": [_row(unit, time.monotonic()) for unit in self._units.values()]}


def _row(unit: Unit, now: float) -> dict[str, object]:
    alive = unit.phase not in AT_REST and unit.phase is not Phase.BACKING_OFF
    return {
        "name": unit.service.name,
        "pid": unit.pid,
        "state": unit.phase.value,
        "port": unit.service.probe.port,
        "restarts": unit.restarts,
        "uptime_s": round(now - unit.since, 1) if alive else 0.0,
        "reason": unit.reason,
        "log": unit.service.log,
    }


def _say(text: str) -> None:
    sys.stdout.write(f"{time.strftime('%Y-%m-%dT%H:%M:%S%z')} {text}\n")
    sys.stdout.flush()


def main() -> None:
    """Detach, then supervise the stack of the state directory named on the command line."""
    layout = Layout(state=Path(sys.argv[1]))
    if os.fork():
        os._exit(0)
    os.setsid()
    os.umask(0o077)
    private_dir(layout.run)
    # A unix socket's name is at most 100 bytes or so, and a state directory may be deep.
    sockets = Path(tempfile.mkdtemp(prefix="overt-"))
    supervisor = Supervisor(layout, sockets)
    try:
        supervisor.run()
    finally:
        shutil.rmtree(sockets, ignore_errors=True)
        if supervisor.is_ours():
            (layout.run / "supervisor.json").unlink(missing_ok=True)
            (layout.run / "processes.json").unlink(missing_ok=True)


if __name__ == "__main__":
    main()
