"""The input hooks follow the gate: in place while something may be captured, really gone else."""

from overt_producer import telemetry
from overt_producer.desk import Desk
from overt_producer.looking import Looking
from overt_producer.pipeline import Now
from overt_producer.sources.events import RawInput
from overt_schemas.errors import Transient

RETRY_US = 1_000_000


class Hooks:
    """The input source of one desk, watched: a dead listener is started again."""

    def __init__(self, desk: Desk, looking: Looking) -> None:
        self._desk, self._looking = desk, looking
        self._retry_us = 0
        self._restarts = 0
        self._overflowed = 0
        self.is_listening = False

    def follow(self, now: Now, *, is_wanted: bool) -> list[RawInput]:
        """Start or stop, and return what was heard, the tail after a stop included."""
        source = self._desk.input
        if is_wanted and not self.is_listening:
            self._start(now)
            return []
        if not self.is_listening:
            return []
        if not is_wanted:
            source.stop()
            self.is_listening = False
            self._desk.indicator.hide()
            return source.drain()
        try:
            events = source.drain()
        except Transient:
            events = []
        if not source.is_alive:
            events += self._revive(now)
        return events

    def overflowed(self) -> int:
        """Return how many accepted events the source had to drop since the last call."""
        before, self._overflowed = self._overflowed, self._desk.input.counters.overflowed
        return self._overflowed - before

    def _start(self, now: Now) -> None:
        if now.mono_us < self._retry_us:
            return
        self._looking.first(now)
        try:
            self._desk.input.start()
            self.is_listening = True
        except Transient:
            self._revive(now)

    def _revive(self, now: Now) -> list[RawInput]:
        """Take the dead hooks away, to start again a second later; return their tail."""
        self._desk.input.stop()
        self.is_listening = False
        self._retry_us = now.mono_us + RETRY_US
        self._restarts += 1
        telemetry.sensor_lost(self._restarts)
        return self._desk.input.drain()
