"""Everything the index says there is, in order and in bounded memory: for audits. SHELL, SQL.

The streams are ordered alike (objects and their runs by object, then position; links and gone
ranges by partition, then offset), so an account is a merge of them, whatever their length. Read
them inside one ``Engine.transaction(snapshot=True)``: a mover at work would else be seen half.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import sqlalchemy as sa

from overt_sinks.index import tables
from overt_sinks.index.engine import PAGE
from overt_sinks.index.values import RunRow, Standing

_OBJECTS, _RUNS = tables.objects, tables.runs


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """What one class of one tier holds."""

    tier: str
    class_: str
    objects: int
    records: int
    bytes: int


# The table's columns in their order; half as dear as the row's own mapping, a million times.
_NAMES = [field.name for field in fields(RunRow)]


def objects(db: sa.Connection, tier: str = "") -> Iterator[Standing]:
    """Yield the objects of a tier, or of all, by name."""
    query = sa.select(_OBJECTS).order_by(_OBJECTS.c.object)
    if tier:
        query = query.where(_OBJECTS.c.tier == tier)
    for row in db.execute(query.execution_options(yield_per=PAGE)).mappings():
        values = dict(row)
        yield Standing(class_=values.pop("class"), **values)


def runs(db: sa.Connection, tier: str = "") -> Iterator[RunRow]:
    """Yield all runs of a tier, or of all, superseded ones too, by object and position."""
    query = sa.select(_RUNS).order_by(_RUNS.c.object, _RUNS.c.byte_from)
    if tier:
        query = query.join(_OBJECTS).where(_OBJECTS.c.tier == tier)
    for row in db.execute(query.execution_options(yield_per=PAGE)):
        yield _run(row)


def runs_of(db: sa.Connection, object_name: str) -> list[RunRow]:
    """Return the runs of one object, superseded ones too, by position."""
    query = sa.select(_RUNS).where(_RUNS.c.object == object_name).order_by(_RUNS.c.byte_from)
    return [_run(row) for row in db.execute(query)]


def totals(db: sa.Connection) -> list[Total]:
    """Return what the tiers hold, by tier and class."""
    key = (_OBJECTS.c.tier, _OBJECTS.c["class"])
    count = sa.func.count
    # PostgreSQL adds up bigints as numerics.
    records, size = (
        sa.cast(sa.func.sum(column), sa.BigInteger)
        for column in (_OBJECTS.c.records, _OBJECTS.c.bytes)
    )
    query = sa.select(*key, count(), records, size).group_by(*key).order_by(*key)
    return [
        Total(tier=tier, class_=class_, objects=n, records=held, bytes=taken)
        for tier, class_, n, held, taken in db.execute(query)
    ]


def _run(row: sa.Row[tuple[Any, ...]]) -> RunRow:
    values: dict[str, Any] = dict(zip(_NAMES, row, strict=True))
    return RunRow(**values)
