"""Runs a command of `overt-sink` as one of the identities that keep the store. SHELL.

The sinks are another room: their command is started, never imported. It tells its progress as JSON
lines on stderr and its result as one JSON document on stdout; what else it says on stderr is the
one line of an error. Exit codes are the product's, so they pass through.
"""

import json
import signal
import subprocess
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from overt_ops.devstack import products
from overt_schemas.errors import EXIT_FAILURE, EXIT_INTERRUPTED, EXIT_OK, Permanent

PROGRAM = "overt-sink"
JSON, PROGRESS = ("-o", "json"), ("--progress",)
VERIFIER, MOVER, ERASER = "verifier", "mover", "eraser"
# An interrupted command ends what it has in hand: an object on its way is one request.
_END_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """How far a command is; ``total`` may still grow."""

    what: str
    unit: str
    done: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What a command left behind: its code, its document and what it said."""

    code: int
    text: str
    said: tuple[str, ...] = ()

    @property
    def document(self) -> dict[str, Any]:
        """Its result; empty if it ended without one."""
        try:
            found = json.loads(self.text) if self.text else {}
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


def run(words: Sequence[str], config: Path, told: Callable[[Step], None]) -> Ended:
    """Run ``overt-sink WORDS`` with these settings and return how it ended.

    ``words`` say whether it is to tell its progress and to answer in JSON: not all can.
    An interruption is passed on to it, and it is waited for: what it had in hand is ended or left
    in a state that the next run goes on from.

    Raises:
        Permanent: it is not installed beside this Python.
    """
    path = products.program(PROGRAM)
    argv = [str(path), *words, "--config", str(config)]
    # A session of its own: ctrl-c reaches it once, from us, and not twice.
    with subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as child:
        ears = _Ears(told)
        listening = [
            threading.Thread(target=ears.hear, args=(child.stderr,), daemon=True),
            threading.Thread(target=ears.keep, args=(child.stdout,), daemon=True),
        ]
        for thread in listening:
            thread.start()
        code = _wait(child)
        if code < 0:  # how Python tells of a signal
            ears.said.append(f"{PROGRAM} was killed ({_signal(-code)}): start it again")
            code = EXIT_FAILURE
        for thread in listening:
            thread.join()
    if not ears.said and ears.noise and code not in (EXIT_OK, EXIT_INTERRUPTED):
        ears.said.append(ears.noise)  # it fell before it could say what of
    return Ended(code=code, text=ears.last, said=tuple(ears.said))


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)


def _wait(child: "subprocess.Popen[str]") -> int:
    try:
        return child.wait()
    except KeyboardInterrupt:
        child.send_signal(signal.SIGINT)
        try:
            child.wait(_END_S)
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            child.kill()
            child.wait()
        return EXIT_INTERRUPTED


@dataclass(slots=True)
class _Ears:
    """What the command says, sorted."""

    told: Callable[[Step], None]
    said: list[str] = field(default_factory=list)
    noise: str = ""
    last: str = ""

    def hear(self, stream: IO[str] | None) -> None:
        """Hand on progress, keep what a person should read, drop its log."""
        for line in stream or ():
            step = _step(line)
            if step is not None:
                self.told(step)
            elif line.startswith(f"{PROGRAM}: "):
                self.said.append(line.removeprefix(f"{PROGRAM}: ").strip())
            elif not line.startswith("{"):
                self.noise = line.strip() or self.noise

    def keep(self, stream: IO[str] | None) -> None:
        """Keep the last line that says anything: the result."""
        for line in stream or ():
            self.last = line.strip() or self.last


def _step(line: str) -> Step | None:
    try:
        found = json.loads(line)
        return Step(
            what=str(found["what"]), unit=str(found["unit"]), done=int(found["done"]),
            total=int(found["total"]),
        )  # fmt: skip
    except (ValueError, KeyError, TypeError):
        return None


def settings_of(state: Path | None, config: Path | None, identity: str) -> Path:
    """Return the settings of an identity: those that were named, or those of a stack.

    Raises:
        Permanent: there are none: the stack was made before this identity existed, or never.
    """
    if config is not None:
        return config
    from overt_ops.devstack import Stack, default_state

    path = Stack.find(state or default_state()).settings(identity)
    if not path.exists():
        raise Permanent(
            f"this stack has no {identity}: `stream-ops dev down`, then `stream-ops dev up`",
            reason="connection",
        )
    return path
