"""When to look at windows and screen. Failures mean *unknown*, and unknown is not captured."""

from dataclasses import dataclass

from overt_producer.desk import Desk
from overt_producer.pipeline import Gate, Now, Permit, allows
from overt_producer.sources.events import Grab, WindowContext, WindowState
from overt_schemas.errors import Transient

# Even a screen on which nothing moves is looked at once a second: the newest picture then is at
# most that old when an activity or a segment begins.
FLOOR_US = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One attempt: a grab, or ``blind`` when one was due and nobody could say what was whose."""

    grab: Grab | None = None
    blind: int = 0


NOTHING = Look()


class Looking:
    """Cadence of one desk."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._last_us = -FLOOR_US

    def first(self, now: Now) -> None:
        """Make the next look due at once: a picture before the first input."""
        self._last_us = now.mono_us - 2 * FLOOR_US

    def windows(self) -> WindowState | None:
        """Return what holds now, None where nobody can tell."""
        try:
            return self._desk.windows.poll()
        except Transient:
            return None

    def screen(self, gate: Gate | None, now: Now) -> Look:
        """Return a grab if one is due under the policy's cadence."""
        if not isinstance(gate, Permit):
            return NOTHING
        waited = now.mono_us - self._last_us
        if waited < gate.rules.frame_interval_ms * 1000:
            return NOTHING

        def allow(window: WindowContext) -> bool:
            return allows(gate.rules, window)

        try:
            if waited < FLOOR_US and not self._desk.screen.changed(0.0):
                return NOTHING
            self._last_us = now.mono_us
            grab = self._desk.screen.grab(allow)
        except Transient:
            grab = None
        return Look(grab=grab) if grab is not None else Look(blind=1)
