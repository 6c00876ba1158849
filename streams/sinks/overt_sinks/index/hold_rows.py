"""Legal holds: people whose records nobody may delete or expire, with the ticket. SHELL, SQL.

Who deletes asks in the transaction that deletes rows. A hold that comes while objects are already
being removed comes too late for those, and for no later ones.
"""

from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa

from overt_sinks.index import tables
from overt_sinks.index.engine import AT_ONCE, insert_once

_TABLE = tables.holds


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """One person's hold; ``ticket`` names the order behind it, never its content."""

    person: str
    ticket: str
    since_ms: int


def place(db: sa.Connection, hold: Hold) -> bool:
    """Place a hold; whether it is new. One that stands keeps its ticket and its time."""
    row = {"person": hold.person, "ticket": hold.ticket, "since_ms": hold.since_ms}
    return insert_once(db, _TABLE, row)


def lift(db: sa.Connection, person: str) -> bool:
    """Lift a hold; whether there was one."""
    delete = _TABLE.delete().where(_TABLE.c.person == person).returning(_TABLE.c.person)
    return db.execute(delete).first() is not None


def holds(db: sa.Connection) -> list[Hold]:
    """Return all holds, by person."""
    rows = db.execute(sa.select(_TABLE).order_by(_TABLE.c.person)).mappings()
    return [Hold(**row) for row in rows]


def held(db: sa.Connection, people: Collection[str]) -> frozenset[str]:
    """Return which of these people are held."""
    names, found = sorted(people), set[str]()
    for at in range(0, len(names), AT_ONCE):
        some = _TABLE.c.person.in_(names[at : at + AT_ONCE])
        found.update(db.execute(sa.select(_TABLE.c.person).where(some)).scalars())
    return frozenset(found)
