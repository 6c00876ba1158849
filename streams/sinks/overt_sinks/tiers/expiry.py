"""Removes what has expired: whole objects, none of a person on hold, none that is moving. SHELL.

An object waits while its records still stand in hot, where the same bytes would outlive it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from overt_schemas.clock import Clock
from overt_schemas.errors import Malformed, Refused
from overt_sinks import telemetry
from overt_sinks.index import gone_rows, hold_rows
from overt_sinks.index.engine import Engine
from overt_sinks.index.values import Standing
from overt_sinks.stores.store import Archived, NotFound
from overt_sinks.tiers import object_rows, removal
from overt_sinks.tiers.buckets import Buckets
from overt_sinks.tiers.naming import COLD, WARM
from overt_sinks.tiers.retention import Retention

Tell = Callable[[int, int], None]


@dataclass(slots=True)
class Expired:
    """What expired.

    Attributes:
        waiting: objects whose records still stand in hot, or that must be thawed first.
        held: objects of people on legal hold.
    """

    objects: int = 0
    records: int = 0
    bytes: int = 0
    waiting: int = 0
    held: int = 0
    findings: dict[str, int] = field(default_factory=dict)


def due(engine: Engine, retention: Retention, now_ms: int) -> list[Standing]:
    """Return the objects that have expired and that no move touches."""
    with engine.transaction() as db:
        return [
            row
            for class_, last in retention.expiring(now_ms)
            for tier in (WARM, COLD)
            for row in object_rows.still(db, tier, last, class_=class_)
        ]


def held(engine: Engine, rows: list[Standing]) -> frozenset[str]:
    """Return which people of these objects are on hold."""
    with engine.transaction() as db:
        return hold_rows.held(db, {row.person for row in rows})


def expire(
    engine: Engine, tiers: Buckets, retention: Retention, clock: Clock, tell: Tell
) -> Expired:
    """Remove what has expired.

    Raises:
        Transient: store or index do not answer; the next call goes on.
    """
    now = clock.wall_us() // 1000
    rows = due(engine, retention, now)
    on_hold, done = held(engine, rows), Expired()
    for n, row in enumerate(rows):
        tell(n, len(rows))
        if row.person in on_hold:
            done.held += 1
            continue
        try:
            _remove(engine, tiers, row, now, done)
        except Archived:
            done.waiting += 1
        except Refused as exc:
            if exc.reason != removal.HELD:
                raise
            done.held += 1  # since a moment ago
        except (Malformed, NotFound) as exc:
            if object_rows.is_as_before(engine, row):
                telemetry.move_found(exc.reason)
                done.findings[exc.reason] = done.findings.get(exc.reason, 0) + 1
    tell(len(rows), len(rows))
    return done


def _remove(engine: Engine, tiers: Buckets, row: Standing, now_ms: int, done: Expired) -> None:
    data = removal.read_whole(tiers, row)
    with engine.transaction() as db:
        offsets = removal.offsets_of(data, object_rows.active_runs(db, row.object))
        if object_rows.hot_of(db, offsets):
            done.waiting += 1
            return
    count = removal.remove(
        engine, tiers, row, data, gone_rows.EXPIRED, now_ms,
        lambda db: bool(object_rows.named_still(db, row.tier, [row.object])),
    )  # fmt: skip
    if count is not None:
        done.objects += 1
        done.records += count
        done.bytes += row.bytes
