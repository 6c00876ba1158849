"""What capture sits at: sources, an indicator, and a way to ask the person. With its twin.

``x11_desk.py`` is the real one. ``ScriptedDesk`` plays a script for simulated persons: its policy
must be a synthetic one, and its answers are receipts of method ``simulated``, which no other policy
accepts.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from overt_producer.consent import AGREED, SIMULATED
from overt_producer.presence.notice import Notice
from overt_producer.sources.events import (
    InputCounters,
    InputSource,
    RawInput,
    ScreenSource,
    WindowSource,
)
from overt_producer.sources.script import Script
from overt_producer.sources.scripted import ScriptedDesktop


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the person said: agreed or refused; ``method`` as in a Consent record."""

    decision: str
    method: str
    shown_ms: int
    decided_ms: int


class Indicator(Protocol):
    """What a person sees while they are being captured.

    Attributes:
        lasts_ms: how long after one look that saw it the next one must come.
    """

    lasts_ms: int

    def show(self) -> None:
        """Put it up."""
        ...

    def check(self, now_ms: int) -> bool:
        """Return whether it can be seen right now, judged on pixels; may bring it to the top.

        Raises:
            Permanent: it stayed hidden (``indicator``): capture must end.
        """
        ...

    def hide(self) -> None:
        """Take it down."""
        ...


class Desk(Protocol):
    """One desktop."""

    is_synthetic: bool
    input: InputSource
    windows: WindowSource
    screen: ScreenSource
    indicator: Indicator

    @property
    def offered(self) -> int | None:
        """How many inputs the driver made, where it is known."""
        ...

    def ask(self, notice: Notice, now_ms: int) -> Reply | None:
        """Show a notice and return the answer, None for none. May block for a minute."""
        ...

    def close(self) -> None:
        """Let go of the display."""
        ...


class AlwaysVisible:
    """The indicator of a desktop that nobody looks at."""

    lasts_ms = 1 << 62

    def show(self) -> None:
        """Nothing to put up."""

    def check(self, now_ms: int) -> bool:
        """It is as visible as its desktop."""
        del now_ms
        return True

    def hide(self) -> None:
        """Nothing to take down."""


class StageClock:
    """The script's clock, which can be held still: what a script has done is then one number."""

    def __init__(self, read_ms: Callable[[], int]) -> None:
        self._read_ms = read_ms
        self._held_ms: int | None = None

    def __call__(self) -> int:
        """Return monotonic milliseconds."""
        return self._read_ms() if self._held_ms is None else self._held_ms

    @contextmanager
    def held(self) -> Iterator[None]:
        """Stand still."""
        self._held_ms = self._read_ms()
        try:
            yield
        finally:
            self._held_ms = None


class Stage:
    """The input of a script, and the driver's own count of what it did while somebody listened."""

    def __init__(self, desktop: ScriptedDesktop, clock: StageClock) -> None:
        self._desktop, self._clock = desktop, clock
        self._before: int | None = None
        self._offered = 0

    @property
    def offered(self) -> int:
        """Inputs done between each start and stop."""
        since = 0 if self._before is None else self._desktop.offered - self._before
        return self._offered + since

    @property
    def is_alive(self) -> bool:
        """As the script's input says."""
        return self._desktop.input.is_alive

    @property
    def counters(self) -> InputCounters:
        """As the script's input says."""
        return self._desktop.input.counters

    def start(self) -> None:
        """Begin to listen."""
        with self._clock.held():
            self._before = self._desktop.offered
            self._desktop.input.start()

    def stop(self) -> None:
        """Stop listening."""
        with self._clock.held():
            self._desktop.input.stop()
            self._offered, self._before = self.offered, None

    def drain(self) -> list[RawInput]:
        """Return what was heard."""
        return self._desktop.input.drain()


class ScriptedDesk:
    """A desk whose person is a script."""

    is_synthetic = True

    def __init__(self, script: Script, read_ms: Callable[[], int]) -> None:
        clock = StageClock(read_ms)
        desktop = ScriptedDesktop(script, clock)
        self._stage = Stage(desktop, clock)
        self.input: InputSource = self._stage
        self.windows: WindowSource = desktop.windows
        self.screen: ScreenSource = desktop.screen
        self.indicator: Indicator = AlwaysVisible()

    @property
    def offered(self) -> int | None:
        """Inputs the script made while capture listened."""
        return self._stage.offered

    def ask(self, notice: Notice, now_ms: int) -> Reply | None:
        """Agree at once: there is no person."""
        del notice
        return Reply(decision=AGREED, method=SIMULATED, shown_ms=now_ms, decided_ms=now_ms)

    def close(self) -> None:
        """Nothing to let go of."""
