"""What mending writes into the index; each function asks once more before it writes. SHELL, SQL.

In the caller's writing transaction, which no mover and no eraser decides beside.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from overt_sinks.container import Object
from overt_sinks.index import HOT, gone_rows, run_row, tables
from overt_sinks.index.chain_rows import next_seen
from overt_sinks.index.engine import Engine, lock

_OBJECTS, _RUNS, _LINKS = tables.objects, tables.runs, tables.links


@contextmanager
def deciding(engine: Engine) -> Iterator[sa.Connection]:
    """A writing transaction that no mover and no eraser decides beside."""
    with engine.transaction(writes=True) as db:
        lock(db, "tiers")
        yield db


def is_free(db: sa.Connection, name: str, tier: str) -> bool:
    """Whether the index does not have that object in that tier, and no open move is about it."""
    here = sa.select(_OBJECTS.c.object).where(_OBJECTS.c.object == name, _OBJECTS.c.tier == tier)
    moving = sa.select(tables.moves.c.move).where(
        tables.moves.c.target == name, tables.moves.c.state.in_(("planned", "switched"))
    )
    return db.execute(here).first() is None and db.execute(moving).first() is None


def is_spent(db: sa.Connection, name: str, before_ms: int) -> bool:
    """Whether the index has that object, and all that points into it was superseded long ago."""
    known = sa.select(_OBJECTS.c.object).where(_OBJECTS.c.object == name)
    used = sa.select(_RUNS.c.run).where(_RUNS.c.object == name, sa.not_(sa.and_(*_old(before_ms))))
    return db.execute(known).first() is not None and db.execute(used).first() is None


def index_again(db: sa.Connection, found: Object, byte_froms: Collection[int], now_ms: int) -> bool:
    """Give a hot object of the chain its rows back, with these of its runs; whether it had none."""
    known = sa.select(_OBJECTS.c.object).where(_OBJECTS.c.object == found.name)
    linked = sa.select(_LINKS.c.object).where(_LINKS.c.object == found.name)
    if db.execute(known).first() is not None or db.execute(linked).first() is None:
        return False
    db.execute(
        _OBJECTS.insert(),
        {
            "object": found.name, "tier": HOT, "records": found.records, "bytes": found.size,
            "sha256": found.sha256, "person": "", "day": "", "class": "", "created_ms": now_ms,
        },
    )  # fmt: skip
    runs = [run for run in found.runs if run.byte_from in byte_froms]
    seen = next_seen(db, len(runs))
    rows = [run_row(found.name, run, seen + n) for n, run in enumerate(runs)]
    db.execute(_RUNS.insert(), rows)
    blanked = [(offset, offset) for offset in found.blanked]
    where = found.partition
    gone_rows.add(db, where.topic_id, where.number, blanked, gone_rows.ERASED, now_ms)
    return True


def retier(db: sa.Connection, name: str, tier: str) -> None:
    """Say that an object stands in another tier than was thought."""
    db.execute(_OBJECTS.update().where(_OBJECTS.c.object == name).values(tier=tier))


def forget(db: sa.Connection, name: str, before_ms: int) -> bool:
    """Drop the row of an object that nothing active points into; whether it is gone now."""
    release(db, before_ms, name)
    left = sa.select(_RUNS.c.run).where(_RUNS.c.object == name)
    if db.execute(left).first() is not None:
        return False
    db.execute(_OBJECTS.delete().where(_OBJECTS.c.object == name))
    return True


def superseded(db: sa.Connection, before_ms: int) -> int:
    """Return how many runs were superseded before a time and still have a row."""
    query = sa.select(sa.func.count()).select_from(_RUNS).where(*_old(before_ms))
    return db.execute(query).scalar_one()


def release(db: sa.Connection, before_ms: int, name: str = "") -> int:
    """Drop superseded rows of an object, or of all; return how many."""
    where = [*_old(before_ms), *([_RUNS.c.object == name] if name else [])]
    return len(db.execute(_RUNS.delete().where(*where).returning(_RUNS.c.run)).all())


def _old(before_ms: int) -> tuple[sa.ColumnElement[bool], ...]:
    return (_RUNS.c.superseded_ms > 0, _RUNS.c.superseded_ms < before_ms)
