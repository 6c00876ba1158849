"""What the tiers hold, by tier, class and day, and when what of it moves or expires. SHELL, SQL."""

from collections.abc import Iterator
from dataclasses import dataclass

import sqlalchemy as sa

from overt_sinks.index import HOT, tables
from overt_sinks.tiers import plan, plan_rows
from overt_sinks.tiers.naming import COLD, WARM
from overt_sinks.tiers.plan import Rules
from overt_sinks.tiers.retention import Retention

_OBJECTS = tables.objects
LATEST = "9999-12-31"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """What one class of one day holds in one tier. Hot objects are of no one day and class."""

    tier: str
    day: str
    class_: str
    objects: int
    records: int
    bytes: int
    oldest_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What happens next to a shelf, and from when on: ``pack``, ``cold`` or ``expire``."""

    what: str
    tier: str
    day: str
    class_: str
    objects: int
    bytes: int
    at_ms: int


def shelves(db: sa.Connection) -> list[Shelf]:
    """Return what the tiers hold."""
    key = (_OBJECTS.c.tier, _OBJECTS.c.day, _OBJECTS.c["class"])
    records, size = (
        sa.cast(sa.func.sum(column), sa.BigInteger)
        for column in (_OBJECTS.c.records, _OBJECTS.c.bytes)
    )
    query = sa.select(*key, sa.func.count(), records, size, sa.func.min(_OBJECTS.c.created_ms))
    return [
        Shelf(
            tier=tier, day=day, class_=class_, objects=n, records=held, bytes=taken,
            oldest_ms=oldest,
        )
        for tier, day, class_, n, held, taken, oldest in db.execute(
            query.group_by(*key).order_by(*key)
        )
    ]  # fmt: skip


def lifecycle(db: sa.Connection, rules: Rules, retention: Retention) -> Iterator[Step]:
    """Yield what happens next to what stands now; a time that is past means with the next pass.

    Of a shelf the earliest object counts. Holds are not asked: they say who, not when.
    """
    waiting = plan_rows.waiting(db, LATEST)
    for key in sorted({(w.group.day, w.group.class_) for w in waiting}):
        own = [w for w in waiting if (w.group.day, w.group.class_) == key]
        due = [at for at in (plan.due_ms(w, rules) for w in own) if at is not None]
        if due:
            yield Step(
                what="pack", tier=HOT, day=key[0], class_=key[1], objects=len(own),
                bytes=sum(w.size for w in own), at_ms=min(due),
            )  # fmt: skip
    for shelf in shelves(db):
        if shelf.tier == WARM:
            yield from _step("cold", shelf, plan.cold_ms(shelf.day, shelf.oldest_ms, rules))
        if shelf.tier in (WARM, COLD):
            yield from _step("expire", shelf, retention.expires_ms(shelf.class_, shelf.day))


def _step(what: str, shelf: Shelf, at_ms: int | None) -> Iterator[Step]:
    if at_ms is not None:
        yield Step(
            what=what, tier=shelf.tier, day=shelf.day, class_=shelf.class_, objects=shelf.objects,
            bytes=shelf.bytes, at_ms=at_ms,
        )  # fmt: skip
