"""What of one person's day the index points at, and what changes when it is erased. SHELL, SQL."""

from collections.abc import Iterator
from dataclasses import dataclass

import sqlalchemy as sa

from overt_sinks.index import HOT, tables
from overt_sinks.index.values import RunRow, Standing
from overt_sinks.naming import Partition
from overt_sinks.tiers import object_rows
from overt_sinks.tiers.plan import State

_RUNS, _OBJECTS, _LINKS, _MOVES = tables.runs, tables.objects, tables.links, tables.moves


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonDay:
    """Whose day."""

    person: str
    day: str


def hot_objects(db: sa.Connection, whose: PersonDay) -> list[str]:
    """Return the hot objects that runs of the day point into, superseded ones too."""
    query = (
        sa.select(_RUNS.c.object)
        .join(_OBJECTS)
        .where(_OBJECTS.c.tier == HOT, _RUNS.c.person == whose.person, _RUNS.c.day == whose.day)
    )
    return sorted(db.execute(query.distinct()).scalars())


def runs_in(db: sa.Connection, whose: PersonDay, name: str) -> list[RunRow]:
    """Return the runs of the day in one object, superseded ones too."""
    query = sa.select(_RUNS).where(
        _RUNS.c.object == name, _RUNS.c.person == whose.person, _RUNS.c.day == whose.day
    )
    return [RunRow(**row._mapping) for row in db.execute(query)]


def own_objects(db: sa.Connection, whose: PersonDay) -> list[Standing]:
    """Return the warm and cold objects of the day, those without runs too."""
    query = sa.select(_OBJECTS).where(
        _OBJECTS.c.tier != HOT, _OBJECTS.c.person == whose.person, _OBJECTS.c.day == whose.day
    )
    found = db.execute(query.order_by(_OBJECTS.c.object)).mappings()
    return [object_rows.standing(row) for row in found]


def set_sha256(db: sa.Connection, name: str, sha256: str) -> None:
    """Write down what an object's bytes are now."""
    db.execute(_OBJECTS.update().where(_OBJECTS.c.object == name).values(sha256=sha256))


def left(db: sa.Connection, whose: PersonDay) -> int:
    """Return how much of the day the index still points at: runs, objects, plans."""
    runs = sa.select(sa.func.count()).where(
        _RUNS.c.person == whose.person, _RUNS.c.day == whose.day
    )
    objects = sa.select(sa.func.count()).where(
        _OBJECTS.c.person == whose.person, _OBJECTS.c.day == whose.day
    )
    planned = sa.select(sa.func.count()).where(
        _MOVES.c.person == whose.person, _MOVES.c.day == whose.day,
        _MOVES.c.state == State.PLANNED.value,
    )  # fmt: skip
    return sum(db.execute(query).scalar_one() for query in (runs, objects, planned))


def next_names(db: sa.Connection) -> Iterator[str]:
    """Yield the name behind the end of each chain."""
    key = (_LINKS.c.topic, _LINKS.c.topic_id, _LINKS.c.kafka_part)
    query = sa.select(*key, sa.func.max(_LINKS.c.last_offset)).group_by(*key)
    for topic, topic_id, number, last in db.execute(query):
        yield Partition(topic=topic, topic_id=topic_id, number=number).object(last + 1)
