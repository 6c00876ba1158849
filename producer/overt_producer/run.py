"""`overtd run`: capture and ship side by side, under a supervisor of one page.

A process that dies is started again, after a pause that doubles. Capture that *decides* to end (a
refusal, a full disk, no display) ends both. On SIGTERM capture goes first, so that ship can still
bring its last words out in what is left of the five seconds; what it doesn't, waits in the spool.
"""

import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from overt_producer import telemetry
from overt_producer.stopping import Stop

CAPTURE, SHIP = "capture", "ship"
PAUSE_S, PAUSE_LIMIT_S = 1.0, 30.0
CALM_S = 60.0  # alive so long, a process has earned a short pause again
LOOK_S = 0.2
STOP_S = 4.8
LEAST_S = 0.2  # for ship, however long capture took; killing it loses nothing


@dataclass(slots=True)
class Child:
    """One process and how often it had to be started."""

    name: str
    argv: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    started_s: float = 0.0
    pause_s: float = PAUSE_S
    not_before_s: float = field(default=0.0)

    def look(self, now_s: float) -> int | None:
        """Start it if it should run; return its exit code if it has just ended."""
        if self.process is None:
            if now_s >= self.not_before_s:
                self.process = subprocess.Popen([*self.argv])
                self.started_s = now_s
            return None
        code = self.process.poll()
        if code is None:
            return None
        if now_s - self.started_s > CALM_S:
            self.pause_s = PAUSE_S
        self.process, self.not_before_s = None, now_s + self.pause_s
        self.pause_s = min(2 * self.pause_s, PAUSE_LIMIT_S)
        return code

    def stop(self, deadline_s: float) -> None:
        """End it in the clean way if that takes no longer than to a moment (monotonic)."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(max(deadline_s - time.monotonic(), LEAST_S))
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def run(arguments: Sequence[str], home: str, stop: Stop) -> int:
    """Supervise until a signal or until capture ends on purpose; return the exit code.

    Args:
        arguments: of `overtd capture`.
        home: of both.
        stop: the signal.
    """
    base = [sys.executable, "-m", "overt_producer"]
    ship = Child(SHIP, [*base, SHIP, "--home", home])
    capture = Child(CAPTURE, [*base, CAPTURE, "--home", home, *arguments])
    try:
        while not stop.event.wait(LOOK_S):
            for child in (ship, capture):
                code = child.look(time.monotonic())
                if code is None:
                    continue
                if child is capture and code >= 0:
                    return code
                telemetry.process_restarted(child.name, code)
        return stop.exit_code
    finally:
        deadline_s = time.monotonic() + STOP_S
        capture.stop(deadline_s)
        ship.stop(deadline_s)
