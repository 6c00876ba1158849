"""Round and round: learn, look, change. SHELL.

A look is taken when a grant changed, when the clock makes one begin or end, soon after a look that
changed something (to see that it is so), and every ten seconds in any case: what somebody changed
by hand is put back by then. Nothing is remembered but what was read: a reconciler that was killed
begins anew, and ends where it would have.
"""

import random
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from overt_ops.private import write_private
from overt_ops.reconcile import telemetry
from overt_ops.reconcile.hands import Failed, Hands
from overt_ops.reconcile.plan import Change, Plan, Rules, feed_of, next_ms, plan
from overt_ops.reconcile.registry import Registry
from overt_ops.reconcile.settings import Settings
from overt_schemas import feed
from overt_schemas.errors import OvertError
from overt_schemas.records import Grant

_EVERY_S = 10.0
_AGAIN_S = 1.0
_LONGEST_WAIT_S = 5.0
_FIRST_PATIENCE_S = 50.0
_GRANTS_TOLD = 20


class Clock(Protocol):
    """The two clocks that count here."""

    def wall_ms(self) -> int:
        """Return Unix milliseconds: when grants begin and end."""
        ...

    def steady_s(self) -> float:
        """Return seconds that only rise."""
        ...


class SystemClock:
    """Those of this machine."""

    def wall_ms(self) -> int:
        """Return Unix milliseconds."""
        return time.time_ns() // 1_000_000

    def steady_s(self) -> float:
        """Return seconds that only rise."""
        return time.monotonic()


@dataclass(slots=True, kw_only=True)
class Round:
    """When the next look is due."""

    grants: Mapping[str, Grant] | None = None  # those of the last look
    due_s: float = 0.0
    due_ms: int | None = None
    strikes: int = 0
    is_away: bool = False
    noted: set[str] = field(default_factory=set)

    def is_due(self, grants: Mapping[str, Grant], now_s: float, now_ms: int) -> bool:
        """Whether to look now; while the brokers are away only once the wait is over."""
        if self.is_away:
            return now_s >= self.due_s
        by_clock = self.due_ms is not None and now_ms >= self.due_ms
        return grants is not self.grants or by_clock or now_s >= self.due_s

    def looked(self, grants: Mapping[str, Grant], now_s: float, now_ms: int, done: "Done") -> None:
        """Note a look. One feed that the brokers refuse keeps nobody from the news of others."""
        self.grants, self.is_away = grants, False
        self.due_ms = next_ms(grants.values(), now_ms)
        if done.failed:
            self._wait(now_s)
        else:
            self.strikes = 0
            self.due_s = now_s + (_AGAIN_S if done.plan.changes else _EVERY_S)

    def failed(self, now_s: float) -> float:
        """Note that the brokers were away; returns how long to wait."""
        self.is_away = True
        return self._wait(now_s)

    def _wait(self, now_s: float) -> float:
        longest_s = min(_LONGEST_WAIT_S, 0.2 * 2.0**self.strikes)
        wait_s = longest_s * random.uniform(0.5, 1.0)  # noqa: S311 (jitter)
        self.strikes = min(self.strikes + 1, 10)
        self.due_s = now_s + wait_s
        return wait_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """One look: what was planned, and what of it failed."""

    plan: Plan
    failed: Failed


def look(registry: Registry, hands: Hands, rules: Rules, now_ms: int, *, act: bool) -> Done:
    """Compare once, and change what differs if ``act``.

    Raises:
        Transient: the brokers do not answer.
        Permanent: they refuse to be asked.
    """
    topics, access = hands.seen()
    found = plan(registry.known.grants, topics, access, now_ms, rules)
    failed = hands.carry_out(found.changes) if act else {}
    return Done(plan=found, failed=failed)


def serve(settings: Settings, rules: Rules, clock: Clock | None = None) -> None:
    """Reconcile until interrupted."""
    at, due = clock or SystemClock(), Round()
    settings.ready.unlink(missing_ok=True)
    hands = Hands(settings.door.connection)
    try:
        with Registry(settings.door.connection, settings.root) as registry:
            registry.read_all(_FIRST_PATIENCE_S)
            known = registry.known
            telemetry.started(len(known.grants), known.keyring.version)
            while True:
                if due.is_due(registry.known.grants, at.steady_s(), at.wall_ms()):
                    _turn(settings, registry, hands, rules, due, at)
                registry.follow()
    finally:
        settings.ready.unlink(missing_ok=True)


def _turn(
    settings: Settings, registry: Registry, hands: Hands, rules: Rules, due: Round, at: Clock
) -> None:
    grants, began_s, now_ms = registry.known.grants, at.steady_s(), at.wall_ms()
    try:
        done = look(registry, hands, rules, now_ms, act=True)
    except OvertError as exc:
        settings.ready.unlink(missing_ok=True)
        telemetry.look_failed(exc.reason, due.failed(at.steady_s()))
        return
    if done.plan.changes:
        _tell(done.plan.changes, at.steady_s() - began_s)
    for note in set(done.plan.notes) - due.noted:
        telemetry.noted(note)
    due.noted = set(done.plan.notes)
    for topic, (kind, error) in done.failed.items():
        telemetry.change_failed(kind, feed.grant_of(topic) or "", error)
    due.looked(grants, at.steady_s(), now_ms, done)
    if not settings.ready.exists():
        write_private(settings.ready, "")


def _tell(changes: tuple[Change, ...], took_s: float) -> None:
    kinds = Counter(type(change).__name__ for change in changes)
    names = sorted({feed.grant_of(feed_of(change)) or "" for change in changes})
    telemetry.changed(kinds, names[:_GRANTS_TOLD], took_s)
