"""What an audit asks of the index besides its inventory. SHELL, SQL.

All in the caller's transaction: an account over a snapshot, a look-up over what is true now.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from overt_sinks.index import Link, tables
from overt_sinks.index.engine import AT_ONCE, PAGE

_LINKS, _OBJECTS, _RUNS, _MOVES = tables.links, tables.objects, tables.runs, tables.moves
OPEN = ("planned", "switched")
CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the index has an object, and how many runs point into it."""

    tier: str
    bytes: int
    sha256: str
    runs: int
    active: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """What the mover wrote down of a target."""

    state: str
    tier: str


def links(db: sa.Connection) -> Iterator[Link]:
    """Yield all links, partition by partition in order."""
    query = sa.select(_LINKS).order_by(
        _LINKS.c.topic_id, _LINKS.c.kafka_part, _LINKS.c.first_offset
    )
    for row in db.execute(query.execution_options(yield_per=PAGE)).mappings():
        yield _link(row)


def link_of(db: sa.Connection, name: str) -> Link | None:
    """Return the link that an object was created as."""
    row = db.execute(sa.select(_LINKS).where(_LINKS.c.object == name)).mappings().first()
    return _link(row) if row else None


def count_objects(db: sa.Connection) -> int:
    """Return how many objects stand in all tiers."""
    return db.execute(sa.select(sa.func.count()).select_from(_OBJECTS)).scalar_one()


def places(db: sa.Connection, names: Sequence[str]) -> dict[str, Place]:
    """Return where the index has these objects; those it does not know are left out."""
    found = {}
    active = sa.func.sum(sa.case((_RUNS.c.superseded_ms == 0, 1), else_=0))
    key = (_OBJECTS.c.object, _OBJECTS.c.tier, _OBJECTS.c.bytes, _OBJECTS.c.sha256)
    for at in range(0, len(names), AT_ONCE):
        query = (
            sa.select(*key, sa.func.count(_RUNS.c.run), active)
            .select_from(_OBJECTS.outerjoin(_RUNS))
            .where(_OBJECTS.c.object.in_(names[at : at + AT_ONCE]))
            .group_by(*key)
        )
        for name, tier, size, sha256, runs, standing in db.execute(query):
            found[name] = Place(
                tier=tier, bytes=size, sha256=sha256, runs=runs, active=int(standing or 0)
            )
    return found


def linked(db: sa.Connection, names: Sequence[str]) -> frozenset[str]:
    """Return which of these names the chain knows."""
    found = set[str]()
    for at in range(0, len(names), AT_ONCE):
        some = _LINKS.c.object.in_(names[at : at + AT_ONCE])
        found.update(db.execute(sa.select(_LINKS.c.object).where(some)).scalars())
    return frozenset(found)


def ends(db: sa.Connection) -> Mapping[tuple[str, int], int]:
    """Return the offset behind each chain."""
    key = (_LINKS.c.topic_id, _LINKS.c.kafka_part)
    query = sa.select(*key, sa.func.max(_LINKS.c.last_offset)).group_by(*key)
    return {(topic, number): last + 1 for topic, number, last in db.execute(query)}


def moves_to(db: sa.Connection, names: Sequence[str]) -> dict[str, list[Move]]:
    """Return what the mover wrote down of these targets."""
    found: dict[str, list[Move]] = {}
    for at in range(0, len(names), AT_ONCE):
        query = sa.select(_MOVES.c.target, _MOVES.c.state, _MOVES.c.tier).where(
            _MOVES.c.target.in_(names[at : at + AT_ONCE])
        )
        for target, state, tier in db.execute(query):
            found.setdefault(target, []).append(Move(state=state, tier=tier))
    return found


def _link(row: sa.RowMapping) -> Link:
    text = row["set_aside"]
    aside = tuple(int(number) for number in text.split(",")) if text else ()
    return Link(**{**row, "set_aside": aside})
