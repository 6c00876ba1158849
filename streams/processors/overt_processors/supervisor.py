"""Keeps one worker running: pre-flight, start, watch, start again.

A worker ends itself whenever it is not sure (70: something failed in flight, 75: offsets jumped or
commits stand still), and that is how nothing gets lost; somebody must then start it again, with a
pause that grows. What cannot get better by itself (broken settings, no rights, no offsets) ends the
supervisor too, with the exit code that says so.
"""

import contextlib
import fcntl
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from overt_processors import telemetry
from overt_processors.backoff import Backoff
from overt_schemas.errors import EXIT_NOT_AUTHORISED, EXIT_OK, EXIT_USAGE, Transient

_FINAL = frozenset({EXIT_USAGE, EXIT_NOT_AUTHORISED})
_STOP_S = 4.0  # of the five seconds that a stop may take
_LOOK_S = 0.25  # how soon a stop is seen
_HEALTHY_S = 60.0  # a worker that lived so long is forgiven its earlier falls


@dataclass(slots=True, kw_only=True)
class Supervisor:
    """One worker and its restarts.

    Attributes:
        command: how a worker is started.
        preflight: returns when a worker may start; raises Permanent or Transient.
        ready: the worker's ready file; gone whenever no worker runs.
    """

    command: list[str]
    preflight: Callable[[], None]
    ready: Path
    _stop: threading.Event = field(default_factory=threading.Event)
    _child: "subprocess.Popen[bytes] | None" = None

    def run(self) -> int:
        """Work until told to stop; returns the exit code.

        Raises:
            Permanent: the pre-flight says that no worker can start.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        backoff, attempt = Backoff(), 0
        try:
            while not self._stop.is_set():
                try:
                    self._check()
                except Transient as exc:
                    wait_s, backoff = backoff.next()
                    telemetry.preflight_delayed(exc.reason, wait_s)
                    self._stop.wait(wait_s)
                    continue
                if self._stop.is_set():
                    return EXIT_OK
                attempt += 1
                started_s = time.monotonic()
                code = self._work(attempt)
                if self._stop.is_set():
                    return EXIT_OK
                if code in _FINAL:
                    return code
                if time.monotonic() - started_s > _HEALTHY_S:
                    backoff = Backoff()
                wait_s, backoff = backoff.next()
                telemetry.worker_ended(code, wait_s)
                self._stop.wait(wait_s)
        finally:
            self.ready.unlink(missing_ok=True)
        return EXIT_OK

    def _check(self) -> None:
        """Run the pre-flight, which may wait long for brokers, and leave it behind on a stop.

        It has a thread of its own: a signal that comes just before a call into C begins would not
        break that call off, however the handler tries.
        """
        failed: list[Exception] = []

        def act() -> None:
            try:
                self.preflight()
            except Exception as exc:
                failed.append(exc)

        thread = threading.Thread(target=act, name="preflight", daemon=True)
        thread.start()
        while thread.is_alive() and not self._stop.is_set():
            thread.join(_LOOK_S)
        if failed:
            raise failed[0]

    def _work(self, attempt: int) -> int:
        """Run one worker to its end."""
        self.ready.unlink(missing_ok=True)  # of a supervisor that was killed
        # The pipe on its standard input is how a worker learns that we are gone.
        with subprocess.Popen(self.command, stdin=subprocess.PIPE) as child:
            self._child = child
            telemetry.worker_started(child.pid, attempt)
            if self._stop.is_set():  # the signal came while the child was being made
                child.terminate()
            try:
                while not self._stop.is_set():
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        return child.wait(_LOOK_S)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    return child.wait(_STOP_S)
                child.kill()
                return child.wait()
            finally:
                self._child = None
                self.ready.unlink(missing_ok=True)

    def _on_signal(self, _number: int, _frame: object) -> None:
        self._stop.set()
        if self._child is not None:
            self._child.terminate()


def worker_command(app: str, config: Path, instance: str) -> list[str]:
    """Return the command line of a worker of that app."""
    module = [sys.executable, "-m", "overt_processors.worker"]
    return [*module, "--app", app, "--config", str(config), "--instance", instance]


class Instance:
    """The name of this worker in its group: the same after a restart, never two at a time.

    It stands in the state directory and is locked while in use. A second supervisor on the same
    directory gets a name of its own instead: two members of one name would throw each other out.
    """

    def __init__(self, state_dir: Path) -> None:
        state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._file = os.open(state_dir / "instance", os.O_RDWR | os.O_CREAT, 0o600)
        self.name = secrets.token_hex(8)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        known = os.pread(self._file, 64, 0).decode(errors="replace").strip()
        if known:
            self.name = known
        else:
            os.pwrite(self._file, self.name.encode(), 0)
