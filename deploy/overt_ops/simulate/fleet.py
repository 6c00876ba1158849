"""A simulated fleet: one folder of homes, and the producer's simulator as processes.

The simulator belongs to another room, so it is started by name and never imported. Each process
writes one JSON object to its standard output at its end, which is kept in a file beside its log.
"""

import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from overt_ops.private import private_dir, write_private
from overt_schemas.errors import Permanent, Transient

# A clean stop of capture or ship takes at most 5 s on a machine that has them to give.
STOP_S = 30.0
ENROL_S = 10.0  # a device: two keys, two round trips, two acknowledged records


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Who takes part and for how long; the same seed gives the same persons."""

    devices: int
    seconds: float
    seed: int = 1
    stagger: float = 0.0
    trace: Path | None = None

    @property
    def span_s(self) -> float:
        """Seconds from the first start to the last end."""
        return self.seconds + self.stagger * (self.devices - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One enrolled home; nothing secret."""

    home: str
    device: str
    person: str


@dataclass(slots=True)
class Simulator:
    """One running process of the simulator."""

    verb: str
    process: subprocess.Popen[bytes]
    out: Path
    log: Path

    @property
    def is_alive(self) -> bool:
        """Whether it runs."""
        return self.process.poll() is None

    def kill(self) -> None:
        """End it with SIGKILL: it gets no chance to write anything."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> dict[str, Any]:
        """End it the clean way and return what it says."""
        self.process.send_signal(signal.SIGTERM)
        return self.summary(STOP_S)

    def summary(self, timeout_s: float) -> dict[str, Any]:
        """Wait for its own end and return what it says.

        Raises:
            Permanent: it failed; with its last line.
            Transient: it goes on for too long.
        """
        try:
            code = self.process.wait(timeout_s)
        except subprocess.TimeoutExpired as exc:
            raise Transient(
                f"simulate {self.verb} did not end within {timeout_s:.0f} s: read {self.log}",
                reason="simulate",
            ) from exc
        if code != 0:
            raise Permanent(
                f"simulate {self.verb} failed: {_last_line(self.log)}", reason="simulate"
            )
        return dict(json.loads(self.out.read_text()))


@dataclass(slots=True)
class Fleet:
    """The homes below ``folder``; leaving ``with`` ends every process that still runs."""

    folder: Path
    _started: list[Simulator] = field(init=False, default_factory=list)

    def __enter__(self) -> "Fleet":
        private_dir(self.folder)
        return self

    def __exit__(self, *_: object) -> None:
        for one in self._started:
            if one.is_alive:
                one.kill()

    @property
    def homes(self) -> Path:
        """Folder of the homes, one a device."""
        return self.folder / "homes"

    def enrol(self, url: str, ca: Path, tokens: Sequence[str]) -> list[Member]:
        """Make one home for each token.

        Raises:
            Permanent: a token was refused.
        """
        file = write_private(self.folder / "tokens.json", json.dumps(list(tokens)))
        run = self._start(
            "enrol", "--authority", url, "--ca", str(ca), "--tokens", str(file)
        )  # fmt: skip
        run.summary(STOP_S + ENROL_S * len(tokens))
        file.unlink()
        return self.members()

    def members(self) -> list[Member]:
        """Return who was enrolled, by home."""
        out = []
        for path in sorted(self.homes.glob("*/identity.json")):
            known = json.loads(path.read_text())
            out.append(
                Member(home=path.parent.name, device=known["device"], person=known["person"])
            )
        return out

    def capture(self, plan: Plan) -> Simulator:
        """Let the first ``plan.devices`` homes capture."""
        flags = [
            "--devices", str(plan.devices), "--seconds", str(plan.seconds),
            "--seed", str(plan.seed), "--stagger", str(plan.stagger),
        ]  # fmt: skip
        if plan.trace is not None:
            flags += ["--trace", str(plan.trace)]
        return self._start("capture", *flags)

    def ship(self, *, until_empty: bool = False) -> Simulator:
        """Publish all spools, until told to stop or until they are empty."""
        return self._start("ship", *(["--until-empty"] if until_empty else []))

    def _start(self, verb: str, *flags: str) -> Simulator:
        name = f"{verb}-{len(self._started)}"
        out, log = self.folder / f"{name}.json", self.folder / f"{name}.log"
        module = [sys.executable, "-m", "overt_producer.simulate", verb]
        with out.open("wb") as answers, log.open("wb") as lines:
            process = subprocess.Popen(
                [*module, "--homes", str(self.homes), *flags],
                stdin=subprocess.DEVNULL, stdout=answers, stderr=lines, start_new_session=True,
            )  # fmt: skip
        self._started.append(Simulator(verb=verb, process=process, out=out, log=log))
        return self._started[-1]


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else f"it left no word in {log}"
