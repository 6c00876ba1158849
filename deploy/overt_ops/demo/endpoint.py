"""The demo's endpoint: `overtd` as two processes, started and asked the way a person would."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from overt_ops.demo.waiting import until
from overt_schemas.errors import Permanent, Transient

BIN = Path(sys.executable).parent
# Below this the state of a stopped process cannot be told from a busy machine.
STOP_S = 15.0


def program(name: str) -> str:
    """Return the command of another room, from the environment this one runs in."""
    return str(BIN / name)


@dataclass(slots=True)
class Endpoint:
    """One endpoint in ``home``; leaving ``with`` ends its processes."""

    home: Path
    environment: Mapping[str, str]
    logs: Path
    _stack: ExitStack = field(init=False, default_factory=ExitStack)
    _capture: subprocess.Popen[bytes] | None = field(init=False, default=None)
    _ship: subprocess.Popen[bytes] | None = field(init=False, default=None)

    def __enter__(self) -> "Endpoint":
        return self

    def __exit__(self, *_: object) -> None:
        for child in (self._capture, self._ship):
            if child is not None and child.poll() is None:
                child.kill()
                child.wait()
        self._stack.close()

    def enrol(self, url: str, ca: Path, token: str) -> None:
        """Make keys and a certificate with a one-time token.

        Raises:
            Permanent: with the one line that `overtd enrol` printed.
        """
        argv = [
            program("overtd"), "enrol", "--home", str(self.home), "--authority", url,
            "--ca", str(ca), "--token", token,
        ]  # fmt: skip
        done = self._run(argv, 60)
        if done.returncode != 0:
            raise Permanent(_last_line(done.stderr) or "overtd enrol failed", reason="enrol")

    def start(self, *flags: str) -> None:
        """Start `overtd ship` and `overtd capture`; returns at once."""
        self.start_ship()
        self._capture = self._spawn("capture", "capture", "--home", str(self.home), *flags)

    def start_ship(self) -> None:
        """Start `overtd ship` alone, such as after `stop_ship`."""
        self._ship = self._spawn("ship", "ship", "--home", str(self.home))

    def status(self) -> dict[str, Any]:
        """Return what `overtd status -o json` says; empty while nothing answers."""
        argv = [program("overtd"), "status", "--home", str(self.home), "-o", "json"]
        done = self._run(argv, 30)
        try:
            return dict(json.loads(done.stdout))
        except ValueError:
            return {}

    def ended(self) -> int | None:
        """Return capture's exit code, None while it runs."""
        return None if self._capture is None else self._capture.poll()

    def last_words(self) -> str:
        """Return the last line capture printed, for the person who asks why it ended."""
        return _last_line((self.logs / "capture.log").read_text(errors="replace"))

    def stop_capture(self) -> dict[str, Any]:
        """Stop capture in the clean way and return the account it wrote at its end."""
        if self._capture is not None and self._capture.poll() is None:
            self._capture.terminate()
            if not until(lambda: self.ended() is not None, STOP_S):
                raise Transient("overtd capture did not stop within 15 s", reason="stop")
        record = self.home / "last_run.json"
        if not record.exists():
            raise Permanent(
                f"overtd capture left no account: {self.last_words()}", reason="capture"
            )
        return dict(json.loads(record.read_text()))

    def stop_ship(self) -> None:
        """Stop ship in the clean way."""
        if self._ship is not None and self._ship.poll() is None:
            self._ship.terminate()
            until(lambda: self._ship is not None and self._ship.poll() is not None, STOP_S)

    def _env(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LANG", "TERM")}
        return {**kept, **self.environment}

    def _run(self, argv: list[str], timeout_s: float) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            argv, check=False, env=self._env(), capture_output=True, text=True, timeout=timeout_s
        )  # fmt: skip

    def _spawn(self, log: str, *argv: str) -> subprocess.Popen[bytes]:
        self.logs.mkdir(parents=True, exist_ok=True, mode=0o700)
        out: IO[bytes] = self._stack.enter_context((self.logs / f"{log}.log").open("ab"))
        return subprocess.Popen(
            [program("overtd"), *argv], env=self._env(), stdout=out, stderr=out,
            stdin=None if "DISPLAY" in self.environment else subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""
