"""Moves: does what is planned, one move at a time, and begins with what was left. SHELL.

In memory are one target and its sources (about three times ``object_bytes`` at most). Killed
anywhere, it goes on where it was; several may run at once, beside sinks and an eraser.
"""

import contextlib
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from overt_schemas.clock import Clock
from overt_schemas.errors import Malformed, OvertError, Permanent, Refused, Transient
from overt_sinks import telemetry
from overt_sinks.index.engine import Engine
from overt_sinks.stores.store import AlreadyExists, NotFound
from overt_sinks.tiers import buckets, copies, move_rows, object_rows, step
from overt_sinks.tiers.buckets import Buckets
from overt_sinks.tiers.copies import Copy
from overt_sinks.tiers.naming import COLD
from overt_sinks.tiers.plan import Move, Rules, State
from overt_sinks.tiers.sources import Sources

# With the waits of ``step`` about half a minute: a store that is away longer is tried next time.
_MOST_FAILURES = 12
INTERRUPTED = "interrupted"


@dataclass(slots=True)
class Done:
    """What a pass did. ``findings`` are reasons; nothing was switched or deleted for them."""

    moved: int = 0
    records: int = 0
    bytes: int = 0
    stale: int = 0
    deleted: int = 0
    waiting: int = 0
    findings: dict[str, int] = field(default_factory=dict)

    def find(self, reason: str) -> None:
        """Count a finding."""
        self.findings[reason] = self.findings.get(reason, 0) + 1


class Mover:
    """One mover; use it from one thread.

    Attributes:
        pause: waits so many seconds; True if it is to stop.
    """

    def __init__(
        self, engine: Engine, tiers: Buckets, rules: Rules, clock: Clock, *,
        pause: Callable[[float], bool], storage_class: str = "",
        spread: Callable[[], float] = random.random,
    ) -> None:  # fmt: skip
        self.engine = engine
        self.tiers = tiers
        self.rules = rules
        self.done = Done()
        self._clock = clock
        self._pause = pause
        self._spread = spread
        self._storage_class = storage_class
        self._sources = Sources(engine)

    def now_ms(self) -> int:
        """Return the time."""
        return self._clock.wall_us() // 1000

    def resume(self) -> None:
        """Do the moves that were planned and not done."""
        with self.engine.transaction() as db:
            left = move_rows.written(db, State.PLANNED)
        for found in left:
            self.move(found.move)

    def move(self, move: Move) -> bool:
        """Do one move that is written down; whether the index points at its target now.

        Raises:
            Transient: store or index do not answer; the move stays planned.
            Refused: this identity may not.
            Permanent: reason ``interrupted``; the next mover goes on here.
        """
        self._unless_stopped(0.0)
        try:
            copy = self.patiently(lambda: copies.make(self.engine, self.tiers, self._sources, move))
            moved = self._go(move, copy)
        except Malformed as exc:
            telemetry.move_found(exc.reason)
            self.done.find(exc.reason)
            return False
        if moved and copy is not None:
            telemetry.object_moved(move.kind.value, move.tier, copy.records, len(copy.data))
            self.done.moved += 1
            self.done.records += copy.records
            self.done.bytes += len(copy.data)
        else:
            self.done.stale += 1
        return moved

    def patiently(self, call: Callable[[], "Copy | None"]) -> "Copy | None":
        """Return what ``call`` returns, asking again for a while if nothing answers."""
        moving = step.begin()
        while True:
            try:
                return call()
            except Transient as exc:
                moving = self._wait(moving, exc)

    def _go(self, move: Move, copy: Copy | None) -> bool:
        moving = step.begin()
        if copy is None:
            moving = step.step(moving, step.Stale(), 0)
        while not isinstance(moving.doing, step.Done):
            try:
                moving = step.step(moving, self._perform(moving.doing, move, copy), self._ms())
            except Transient as exc:
                moving = self._wait(moving, exc)
            else:
                self._until(moving)
        return moving.doing.moved

    def _perform(self, doing: step.Effect, move: Move, copy: Copy | None) -> step.Event:
        # Without a copy the only way is to give up.
        if isinstance(doing, step.Block) or copy is None:
            return self._give_up(move)
        match doing:
            case step.Create():
                return self._standing(move) or self._create(move, copy)
            case step.Read():
                return self._read(move, copy)
            case step.Switch():
                with object_rows.deciding(self.engine) as db:
                    is_switched = copy.switch(db, self.now_ms())
                return step.Switched() if is_switched else self._standing(move) or step.Stale()
            case step.Done():
                raise AssertionError("what is done has nothing to perform")

    def _create(self, move: Move, copy: Copy) -> step.Event:
        kept = self._storage_class if move.tier == COLD else ""
        try:
            self.tiers[move.tier].create(move.target, copy.data, kept)
        except AlreadyExists:
            return step.Exists()
        return step.Created()

    def _read(self, move: Move, copy: Copy) -> step.Event:
        try:
            is_same = copy.is_same(self.tiers[move.tier].read(move.target))
        except NotFound:
            # The eraser took it away, or it was never there.
            return self._standing(move) or step.Missing(self._spread())
        if is_same:
            return step.Found(is_same=True)
        return self._standing(move) or step.Found(is_same=False)

    def _standing(self, move: Move) -> step.Event | None:
        """Return what became of a move meanwhile; None if it is still to be done."""
        with self.engine.transaction() as db:
            state = move_rows.state_of(db, move.id)
        match state:
            case State.PLANNED:
                return None
            case State.SWITCHED | State.DONE:
                return step.Switched()
            case State.CANCELLED | None:
                return step.Stale()

    def _give_up(self, move: Move) -> step.Event:
        with object_rows.deciding(self.engine) as db:
            move_rows.cancel(db, move.id, self.now_ms())
            # Nobody needs what stands under the name of a cancelled move, as long as it is one:
            # hence the lock. Of a move that is forgotten nobody knows: it may have been done.
            if move_rows.state_of(db, move.id) is State.CANCELLED:
                # Whoever may not take away what stands there leaves it to one who may.
                with contextlib.suppress(Refused):
                    buckets.block(self.tiers[move.tier], move.target)
        return step.Blocked()

    def _wait(self, moving: step.Moving, exc: OvertError) -> step.Moving:
        if moving.failures >= _MOST_FAILURES:
            raise exc
        telemetry.move_retried(exc.reason)
        moving = step.step(moving, step.Failed(self._spread()), self._ms())
        self._until(moving)
        return moving

    def _until(self, moving: step.Moving) -> None:
        left = moving.not_before - self._ms()
        if moving.not_before and left > 0:
            self._unless_stopped(left / 1000)

    def _unless_stopped(self, wait_s: float) -> None:
        if self._pause(wait_s):
            raise Permanent("stopped; the next mover goes on here", reason=INTERRUPTED)

    def _ms(self) -> int:
        return self._clock.boot_ns() // 1_000_000
