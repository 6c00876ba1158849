"""One endpoint capturing: sources -> pipeline -> seal -> spool, a tick at a time.

``capture.py`` ticks one of these ten times a second; the simulator ticks many. Nothing here opens a
network connection. Order within a tick: what the person and the fleet want comes first, then the
hooks follow it, then what the hooks gave is judged by the time it happened.
"""

from collections.abc import Callable
from dataclasses import dataclass

from overt_producer import telemetry
from overt_producer.authority_view import Authority
from overt_producer.desk import Desk
from overt_producer.home import Home
from overt_producer.hooks import Hooks
from overt_producer.lease import NO_LEASE
from overt_producer.looking import Looking
from overt_producer.person import Person
from overt_producer.pipeline import (
    STOPPED,
    UNSEEN,
    Batch,
    Closed,
    Gate,
    Inputs,
    Now,
    Permit,
    State,
    purge,
    step,
)
from overt_producer.sealing import Sealer
from overt_producer.spool.quota import MIN_FREE_BYTES, Store
from overt_producer.spool.store import Spool, free_bytes
from overt_producer.statements import boot_end, signed
from overt_producer.watching import Watching
from overt_schemas.errors import Permanent, Transient
from overt_schemas.ids import new_id
from overt_schemas.records import KeyCert, Presence

PRESENCE_US = 15_000_000
DISK_US = 2_000_000
QUOTA_US = 30_000_000
# Drained by then or flushed: a clean stop takes at most 5 s, and the hold-back at most 3.5.
STOP_LIMIT_US = 4_200_000

Clock = Callable[[], Now]


@dataclass(slots=True)
class _Due:
    """Monotonic times, in microseconds, at which periodic things happen next."""

    presence: int = 0
    disk: int = 0
    quota: int = 0


class Endpoint:
    """One boot of one endpoint.

    Raises (``tick``):
        Permanent: capture must end; the message is one line for the person.
    """

    def __init__(self, home: Home, desk: Desk, clock: Clock, boot: bytes | None = None) -> None:
        self.home, self._desk, self._clock = home, desk, clock
        self.boot = boot or new_id()
        self._enrolled = home.enrolled()
        self._signer = home.signer()
        self.authority = Authority(home, self._enrolled, is_synthetic=desk.is_synthetic)
        self.spool = Spool(home.spool)
        self._sealer = Sealer(self._enrolled.device_id, self.boot, self._signer)
        self._looking = Looking(desk)
        self._hooks = Hooks(desk, self._looking)
        self._watching = Watching(desk)
        self._person = Person(
            home, self.boot, desk, self.authority, self.spool, self._signer, self._purge
        )
        self._state = State()
        self._gate: Gate = NO_LEASE
        self._due = _Due()
        self._presence_number = 0
        self._stopped_ms = 0
        self._batches = {0: 0, 1: 0}
        self._processors: KeyCert | None = None

    # -- life

    def open(self) -> None:
        """State the end of earlier boots and enter this one."""
        now = self._clock()
        _require_room(self.home)
        earlier = self.spool.unended()
        for boot in earlier:
            record = boot_end(self._enrolled.device_id, boot, self.boot, now, self._signer)
            self.spool.end(boot.boot, record, now.wall_ms)
        self.spool.begin(self.boot, self._enrolled.person)
        self._stopped_ms = now.wall_ms
        telemetry.capture_opened(len(earlier))

    def tick(self) -> None:
        """Do everything that is due."""
        now = self._clock()
        self.authority.look(now)
        self._person.look(now)
        self._run(now, self._wanted(now))

    def stop(self) -> Callable[[], bool]:
        """Take the hooks away and begin to end; call what comes back until it says True."""
        deadline = self._clock().mono_us + STOP_LIMIT_US

        def go_on() -> bool:
            now = self._clock()
            is_late = now.mono_us >= deadline
            self._run(now, STOPPED, flush=is_late)
            return is_late or not (self._state.held or self._state.activity)

        return go_on

    def close(self) -> None:
        """Leave everything on disk as a clean end. Call it once ``stop`` is through."""
        now = self._clock()
        is_clean = not self._state.held and self._state.activity is None
        if is_clean:
            self.spool.finish(self.boot)
        self._say_presence(now)
        self.spool.close()
        self.authority.close()
        self._desk.close()
        telemetry.capture_stopped(is_clean, sum(self._batches.values()))

    # -- what the person wants

    def pause(self) -> None:
        """Capture nothing until ``resume``."""
        self._person.pause()

    def resume(self) -> None:
        """Go on, if everything else allows it."""
        self._person.resume()

    def withdraw(self) -> None:
        """Take consent back."""
        self._person.withdraw(self._clock())

    def opt_out(self) -> None:
        """Stop for good and let go of all content on this machine."""
        self._person.opt_out(self._clock())

    def ask_again(self) -> None:
        """Put the consent prompt up again."""
        self._person.ask_again()

    def _purge(self, now: Now) -> None:
        tail = self._hooks.follow(now, is_wanted=False)
        self._state = purge(self._state, len(tail))
        self._sealer.forget()

    # -- capture

    def _wanted(self, now: Now) -> Gate:
        if now.mono_us >= self._due.disk:
            self._due.disk = now.mono_us + DISK_US
            _require_room(self.home)
        gate = self.authority.gate(now)
        is_listening = self._hooks.is_listening
        if isinstance(gate, Permit):
            return gate if self._watching.sees(now, is_listening=is_listening) else UNSEEN
        if not is_listening:
            self._watching.rest()
        return gate

    def _run(self, now: Now, gate: Gate, *, flush: bool = False) -> None:
        events = self._hooks.follow(now, is_wanted=isinstance(gate, Permit))
        is_listening = self._hooks.is_listening
        windows = self._looking.windows() if is_listening or self._state.held or events else None
        look = self._looking.screen(gate if is_listening else None, now)
        inputs = Inputs(
            gate=gate, events=tuple(events), overflowed=self._hooks.overflowed(),
            windows=windows, grab=look.grab, blind=look.blind, flush=flush,
            unproved_us=self._watching.unproved_us(now),
        )  # fmt: skip
        self._state, batches = step(self._state, inputs, now)
        if batches:
            self._spool(batches, now)
        self._changed(gate, now)
        self._enforce(now)

    def _spool(self, batches: tuple[Batch, ...], now: Now) -> None:
        # The tail of an activity may outlive its key's last minute; the private key lives for days.
        self._processors = self.authority.processors(now) or self._processors
        processors = self._processors
        if processors is None:
            raise Permanent("there is no processors' key to seal to", reason="no_key")
        self.spool.append([self._sealer.seal(b, processors, now) for b in batches], now.wall_ms)
        for batch in batches:
            self._batches[batch.stream] = batch.number + 1

    def _changed(self, gate: Gate, now: Now) -> None:
        was, self._gate = isinstance(self._gate, Permit), gate
        match gate:
            case Permit() if not was:
                telemetry.gate_opened(gate.beacon)
            case Closed() if was:
                telemetry.gate_closed(gate.reason, gate.ended)
                self._stopped_ms = now.wall_ms
                # The presence record acknowledges the stop: what is spooled must be safe by then.
                self.spool.checkpoint()
            case _:
                if now.mono_us < self._due.presence:
                    return
        self._say_presence(now)

    def _say_presence(self, now: Now) -> None:
        self._due.presence = now.mono_us + PRESENCE_US
        record = Presence(
            device=self._enrolled.device_id, boot=self.boot, number=self._presence_number,
            at_ms=now.wall_ms, capturing=self.is_capturing, beacon=max(self.authority.highest, 0),
            input_batches=self._batches[0], frame_batches=self._batches[1],
            stopped_ms=0 if self.is_capturing else self._stopped_ms, reason=b"",
        )  # fmt: skip
        self._presence_number += 1
        self.spool.say("presence", self.boot, signed(record, self._signer), now.wall_ms)

    def _enforce(self, now: Now) -> None:
        """Bound what waits, also while nothing is captured."""
        policy = self.authority.newest_policy()
        if policy is None or now.mono_us < self._due.quota:
            return
        self._due.quota = now.mono_us + QUOTA_US
        store = Store(age_h=policy.spool_age_h, cap_bytes=policy.spool_bytes)
        for reason, count in self.spool.enforce(store, now.wall_ms).items():
            telemetry.content_dropped(reason, count)

    # -- the account

    @property
    def is_capturing(self) -> bool:
        """Whether input is being captured right now."""
        return isinstance(self._gate, Permit)

    @property
    def why_not(self) -> str:
        """Label of what stands in the way, "" while capturing."""
        return self._gate.reason if isinstance(self._gate, Closed) else ""

    def status(self) -> dict[str, object]:
        """Return the account and the state of this endpoint; nothing secret, no content."""
        now = self._clock()
        counts, will = self._state.counts, self.authority.will
        return {
            "capturing": self.is_capturing, "why_not": self.why_not,
            "person": self._enrolled.person, "boot": self.boot.hex(),
            "offered": self._desk.offered, "captured": counts.captured,
            "admitted": counts.admitted, "held": len(self._state.held),
            "dropped": dict(counts.dropped), "frames": self._state.next_frame,
            "beacon": self.authority.highest,
            "lease_until_ms": self.authority.until_us(now) // 1000,
            "consent": will.state, "paused": will.is_paused, **self.spool.account(),
        }  # fmt: skip


def _require_room(home: Home) -> None:
    try:
        free = free_bytes(home.spool)
    except OSError as exc:
        raise Transient("the spool's disk does not answer", reason="disk") from exc
    if free < MIN_FREE_BYTES:
        raise Permanent(
            f"less than {MIN_FREE_BYTES // 1_048_576} MB are free where {home.spool} lies: "
            "capture stops; free some space and start again",
            reason="disk_space",
        )
