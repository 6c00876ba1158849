"""The processes of a storm, and the hands that kill, freeze and start them again."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

PROGRAM = str(Path(sys.executable).with_name("overt-sink"))
_LOOK_S, _STOP_S = 0.02, 60.0


@dataclass(slots=True, kw_only=True)
class Process:
    """One command that is started again whenever it ends, until the storm is over.

    Attributes:
        codes: how often it ended by itself, by exit code.
        kills: how often it was killed.
        stuck: whether it did not end when it was asked to.
    """

    name: str
    arguments: Sequence[str]
    log: Path
    pause_s: float = 0.0
    codes: Counter[int] = field(default_factory=Counter)
    kills: int = 0
    stuck: bool = False
    on_code: Callable[[int], None] = lambda _code: None
    _over: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _running: "subprocess.Popen[bytes] | None" = None
    _thread: threading.Thread | None = None
    _held: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        """Start it, and again whenever it ends."""
        self._held.set()
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        self._thread.start()

    def kill(self) -> bool:
        """Kill it wherever it is; whether there was somebody to kill."""
        with self._lock:
            if self._running is None or self._running.poll() is not None:
                return False
            self._running.kill()
            self.kills += 1
            return True

    def hold(self) -> None:
        """Kill it and start it only after ``release``; it is gone when this returns."""
        self._held.clear()
        self.kill()
        with self._lock:
            gone = self._running
        if gone is not None:
            gone.wait(20)

    def release(self) -> None:
        """Let it start again."""
        self._held.set()

    def freeze(self, for_s: float) -> None:
        """Stop it in the middle of whatever it does; afterwards it goes on as if nothing was."""
        with self._lock:
            frozen = self._running
            if frozen is None or frozen.poll() is not None:
                return
            os.kill(frozen.pid, signal.SIGSTOP)
        self._over.wait(for_s)
        with self._lock:
            if frozen.poll() is None:  # it may have been killed meanwhile
                os.kill(frozen.pid, signal.SIGCONT)

    def stop(self) -> None:
        """End it as a service manager does; it does not start again."""
        self._over.set()
        self._held.set()
        with self._lock:
            running = self._running
        if running is not None:
            running.terminate()
        if self._thread is not None:
            self._thread.join(_STOP_S)  # an answer that is slow may still be under way
            if self._thread.is_alive():
                self.stuck = True
                self.kill()

    def events(self, name: str) -> list[dict[str, object]]:
        """Return its log lines of one event."""
        lines = self.log.read_text(errors="replace").splitlines()
        rows = (_parsed(line) for line in lines if f'"{name}"' in line)
        return [row for row in rows if row.get("event") == name]

    def _run(self) -> None:
        while not self._over.is_set():
            self._held.wait()
            if self._over.is_set():
                return
            with self._lock, self.log.open("ab") as log:
                self._running = subprocess.Popen(
                    [PROGRAM, *self.arguments], stdout=log, stderr=log, stdin=subprocess.DEVNULL
                )
            code = self._running.wait()
            if code != -signal.SIGKILL:
                self.codes[code] += 1
                self.on_code(code)
            self._over.wait(
                self.pause_s if code in (0, -signal.SIGKILL) else max(self.pause_s, 0.3)
            )


def _parsed(line: str) -> dict[str, object]:
    try:
        return dict(json.loads(line))
    except ValueError:
        return {}  # cut off by a kill


@dataclass(slots=True)
class Killer:
    """Kills one of the processes at a time, at random, with a frozen one now and then."""

    victims: Sequence[Process]
    kills: int
    every_s: tuple[float, float]
    freezes_s: tuple[float, float]
    seed: int
    done: int = 0
    frozen: int = 0

    def rage(self, calm: Callable[[], bool] = lambda: False) -> None:
        """Strike until all kills are done; while ``calm`` says so, it waits."""
        chance = random.Random(self.seed)  # noqa: S311 - where, not whether
        while self.done < self.kills:
            time.sleep(chance.uniform(*self.every_s))  # where it strikes is the point
            while calm():
                time.sleep(_LOOK_S)
            victim = chance.choice(self.victims)
            if chance.random() < 0.12:
                victim.freeze(chance.uniform(*self.freezes_s))
                self.frozen += 1  # it goes on: what it held in its hands is old by now
            elif victim.kill():
                self.done += 1
