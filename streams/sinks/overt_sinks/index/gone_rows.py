"""What is gone on purpose: ranges of offsets that were erased or have expired. SHELL, SQL.

The audit's account closes with them: each offset of a link is in one run, set aside, or gone.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import sqlalchemy as sa

from overt_sinks.index import tables
from overt_sinks.index.engine import PAGE, lock
from overt_sinks.index.ranges import Gone, joined, settle
from overt_sinks.naming import Partition

ERASED = "erased"
EXPIRED = "expired"
_AT_ONCE = 500  # ranges that are merged in one go: what is held in memory

_TABLE = tables.gone


@dataclass(frozen=True, slots=True, kw_only=True)
class GoneRange:
    """A range and whose it is: the partition's number in one incarnation of a topic."""

    topic_id: str
    kafka_part: int
    gone: Gone


def add(
    db: sa.Connection,
    topic_id: str,
    kafka_part: int,
    ranges: Iterable[tuple[int, int]],
    why: str,
    at_ms: int,
) -> None:
    """Add ranges of offsets, both ends in them, in the caller's writing transaction.

    What is gone already stays as it is; touching ranges of one reason are kept as one row. Others
    that add wait for the end of this transaction.
    """
    lock(db, "gone")
    fresh = joined(ranges)
    where = (_TABLE.c.topic_id == topic_id, _TABLE.c.kafka_part == kafka_part)
    for at in range(0, len(fresh), _AT_ONCE):
        some = fresh[at : at + _AT_ONCE]
        standing = _around(db, where, some[0][0], some[-1][1])
        rows = settle(standing, some, why, at_ms)
        stale = [{"b_first": gone.first} for gone in standing if gone not in rows]
        if stale:
            db.execute(
                _TABLE.delete().where(*where, _TABLE.c.first_offset == sa.bindparam("b_first")),
                stale,
            )
        new = [
            {
                "topic_id": topic_id, "kafka_part": kafka_part, "first_offset": gone.first,
                "last_offset": gone.last, "why": gone.why, "at_ms": gone.at_ms,
            }
            for gone in rows if gone not in standing
        ]  # fmt: skip
        if new:
            db.execute(_TABLE.insert(), new)


def begin(db: sa.Connection, where: Partition, offsets: Iterable[int], at_ms: int) -> None:
    """Say what of an object that is new to the index was erased in it.

    It stands there because a sink adopts what a lost index knew. Rows are added alone, since a sink
    may do no more; ``add`` joins them to their neighbours when there is something to add.
    """
    rows = [
        {
            "topic_id": where.topic_id, "kafka_part": where.number, "first_offset": first,
            "last_offset": last, "why": ERASED, "at_ms": at_ms,
        }
        for first, last in joined((offset, offset) for offset in offsets)
    ]  # fmt: skip
    if rows:
        lock(db, "gone")
        db.execute(_TABLE.insert(), rows)


def all_gone(db: sa.Connection) -> Iterator[GoneRange]:
    """Yield the ranges partition by partition in order, as the links are ordered."""
    query = sa.select(_TABLE).order_by(
        _TABLE.c.topic_id, _TABLE.c.kafka_part, _TABLE.c.first_offset
    )
    for row in db.execute(query.execution_options(yield_per=PAGE)):
        yield GoneRange(topic_id=row.topic_id, kafka_part=row.kafka_part, gone=_gone(row))


def _around(
    db: sa.Connection, where: tuple[sa.ColumnElement[bool], ...], first: int, last: int
) -> list[Gone]:
    """Return the rows that overlap or touch [first, last]; rows never overlap each other."""
    columns = _TABLE.c
    # The one row before the window that may reach into it.
    before = sa.select(sa.func.max(columns.first_offset)).where(
        *where, columns.first_offset < first
    )
    begin = sa.func.coalesce(before.scalar_subquery(), first)
    query = sa.select(_TABLE).where(
        *where, columns.first_offset >= begin, columns.first_offset <= last + 1
    )
    return [_gone(row) for row in db.execute(query) if row.last_offset >= first - 1]


def _gone(row: sa.Row[tuple[object, ...]]) -> Gone:
    return Gone(first=row.first_offset, last=row.last_offset, why=row.why, at_ms=row.at_ms)
