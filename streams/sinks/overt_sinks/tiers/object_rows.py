"""The objects of the tiers, as those see them that move and remove them. SHELL, SQL.

Everything that decides over runs or objects of a tier takes the same lock, so that a plan, a
switch, an expiry and an erasure never see each other half done.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import sqlalchemy as sa

from overt_sinks.index import HOT, inventory_rows, tables
from overt_sinks.index.engine import AT_ONCE, Engine, lock
from overt_sinks.index.ranges import joined
from overt_sinks.index.values import RunRow, Standing
from overt_sinks.tiers.plan import State

_RUNS, _OBJECTS, _LINKS = tables.runs, tables.objects, tables.links
_MOVES, _MOVE_RUNS = tables.moves, tables.move_runs
_OPEN = (State.PLANNED.value, State.SWITCHED.value)
_OWN = _RUNS.alias()
IS_EMPTY = ~sa.exists().where(_RUNS.c.object == _OBJECTS.c.object)
# No move is to carry the object, or made it a moment ago, or is to pack runs of it.
_IS_CARRIED = sa.exists().where(_MOVES.c.target == _OBJECTS.c.object, _MOVES.c.state.in_(_OPEN))
IS_STILL = ~_IS_CARRIED & ~sa.exists().where(
    _OWN.c.object == _OBJECTS.c.object, _OWN.c.run == _MOVE_RUNS.c.run
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """Where a hot object stands in its chain."""

    topic_id: str
    kafka_part: int
    last_offset: int


@contextmanager
def deciding(engine: Engine) -> Iterator[sa.Connection]:
    """A writing transaction that no other decision over the tiers runs beside."""
    with engine.transaction(writes=True) as db:
        lock(db, "tiers")
        yield db


def object_row(db: sa.Connection, name: str) -> Standing | None:
    """Return an object's row."""
    row = db.execute(sa.select(_OBJECTS).where(_OBJECTS.c.object == name)).mappings().first()
    return standing(row) if row else None


def still(
    db: sa.Connection, tier: str, last_day: str, *, class_: str = "", person: str = "",
    day: str = "",
) -> list[Standing]:  # fmt: skip
    """Return the objects of a tier that no move touches, of days up to ``last_day``.

    Of one class, person or day, where these are given.
    """
    query = sa.select(_OBJECTS).where(
        _OBJECTS.c.tier == tier, _OBJECTS.c.day <= last_day, IS_STILL, ~IS_EMPTY
    )
    for column, value in (("class", class_), ("person", person), ("day", day)):
        if value:
            query = query.where(_OBJECTS.c[column] == value)
    return [standing(row) for row in db.execute(query.order_by(_OBJECTS.c.object)).mappings()]


def named_still(db: sa.Connection, tier: str, names: Sequence[str]) -> list[str]:
    """Return which of these objects stand in a tier and no move touches."""
    query = sa.select(_OBJECTS.c.object).where(
        _OBJECTS.c.tier == tier, _OBJECTS.c.object.in_(names), IS_STILL, ~IS_EMPTY
    )
    return list(db.execute(query).scalars())


def empty(db: sa.Connection, tier: str) -> list[Standing]:
    """Return the objects of a tier that no run points into.

    Not those that are being carried: their copy in the other tier goes first, and the row says so.
    """
    query = sa.select(_OBJECTS).where(_OBJECTS.c.tier == tier, IS_EMPTY, ~_IS_CARRIED)
    return [standing(row) for row in db.execute(query.order_by(_OBJECTS.c.object)).mappings()]


def empty_hot(db: sa.Connection, before_ms: int) -> list[tuple[Standing, Range]]:
    """Return the hot objects created before a time that no run points into, with their ranges."""
    query = (
        sa.select(_OBJECTS, _LINKS.c.topic_id, _LINKS.c.kafka_part, _LINKS.c.last_offset)
        .join(_LINKS, _LINKS.c.object == _OBJECTS.c.object)
        .where(_OBJECTS.c.tier == HOT, _OBJECTS.c.created_ms < before_ms, IS_EMPTY)
        .order_by(_OBJECTS.c.object)
    )
    return [_with_range(row) for row in db.execute(query).mappings()]


def drop_object(db: sa.Connection, name: str) -> None:
    """Drop the row of an object that no run points into."""
    db.execute(_OBJECTS.delete().where(_OBJECTS.c.object == name, IS_EMPTY))


def standing(row: sa.RowMapping) -> Standing:
    """Return an object's row as a value."""
    values = dict(row)
    return Standing(class_=values.pop("class"), **values)


def _with_range(row: sa.RowMapping) -> tuple[Standing, Range]:
    values = dict(row)
    covers = Range(
        topic_id=values.pop("topic_id"), kafka_part=values.pop("kafka_part"),
        last_offset=values.pop("last_offset"),
    )  # fmt: skip
    return Standing(class_=values.pop("class"), **values), covers


def active_runs(db: sa.Connection, name: str) -> list[RunRow]:
    """Return the runs of an object that are not superseded."""
    return [run for run in inventory_rows.runs_of(db, name) if not run.superseded_ms]


def drop_runs(db: sa.Connection, names: Sequence[str]) -> None:
    """Drop runs."""
    for at in range(0, len(names), AT_ONCE):
        db.execute(_RUNS.delete().where(_RUNS.c.run.in_(names[at : at + AT_ONCE])))


def hot_of(
    db: sa.Connection, offsets: Mapping[tuple[str, int], Sequence[tuple[int, int]]]
) -> list[str]:
    """Return the hot objects that were created with any of these offsets and still stand."""
    found = []
    for (topic_id, partition), ranges in offsets.items():
        own = joined(ranges)
        query = (
            sa.select(_OBJECTS.c.object, _LINKS.c.first_offset, _LINKS.c.last_offset)
            .join(_LINKS, _LINKS.c.object == _OBJECTS.c.object)
            .where(
                _OBJECTS.c.tier == HOT, _LINKS.c.topic_id == topic_id,
                _LINKS.c.kafka_part == partition, _LINKS.c.first_offset <= own[-1][1],
                _LINKS.c.last_offset >= own[0][0],
            )
        )  # fmt: skip
        for name, first, last in db.execute(query):
            at = bisect_left(own, first, key=lambda pair: pair[1])
            if at < len(own) and own[at][0] <= last:
                found.append(name)
    return sorted(found)


def is_leaving(db: sa.Connection, name: str) -> bool:
    """Whether an object has no row any more, or no run that points into it."""
    query = sa.select(_RUNS.c.run).where(_RUNS.c.object == name).limit(1)
    return db.execute(query).first() is None


def is_as_before(engine: Engine, row: Standing) -> bool:
    """Whether an object's row is still what it was, and has runs.

    A row without runs is of an object that somebody removes, or was killed removing: it may be
    away, and the next one who looks ends it.
    """
    with engine.transaction() as db:
        return object_row(db, row.object) == row and bool(inventory_rows.runs_of(db, row.object))
