"""What the index has to publish: prints of its days, and a day's rows in pages. SHELL, SQL."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import sqlalchemy as sa

from overt_sinks.index import tables
from overt_sinks.publish.days import State, is_day
from overt_sinks.tiers.naming import NOBODY, class_of

CHUNK = 100_000  # rows in memory, and in one file of the table
_FIELD = 1_000_003  # a prime: products of two rests stay far below what a bigint holds

_RUNS, _OBJECTS = tables.runs.c, tables.objects.c
_LIVE = tables.runs.join(tables.objects)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A run as it is published: whose, of which day, which bytes. No device, boot or time."""

    person: str
    class_: str
    stream: int
    tier: str
    object: str
    byte_from: int
    byte_len: int
    records: int


def state(db: sa.Connection) -> tuple[State, int]:
    """Return what should be published, and how many runs have no day of the calendar.

    The print of a day changes with any run that comes, goes, or stands elsewhere: it holds sums of
    what cannot stay equal by such a step. One pass over the runs.
    """
    mixed = (_RUNS.seen % _FIELD) * ((_RUNS.byte_from + 1) % _FIELD)
    sums = (_RUNS.records, _RUNS.byte_from, _RUNS.byte_len, _RUNS.seen % _FIELD, mixed)
    query = (
        sa.select(_RUNS.day, _OBJECTS.tier, sa.func.count(), *map(sa.func.sum, sums))
        .select_from(_LIVE)
        .where(_RUNS.superseded_ms == 0)
        .group_by(_RUNS.day, _OBJECTS.tier)
        .order_by(_RUNS.day, _OBJECTS.tier)
    )
    said: dict[str, str] = {}
    homeless = 0
    for day, tier, count, *values in db.execute(query):
        if is_day(day):
            numbers = " ".join(str(int(value)) for value in values)
            said[day] = f"{said.get(day, '')} {tier} {count} {numbers}"
        else:
            homeless += count
    prints = {day: hashlib.sha256(text.encode()).hexdigest()[:16] for day, text in said.items()}
    return State(days=prints, gone=_gone(db)), homeless


def rows(db: sa.Connection, day: str) -> Iterator[list[Row]]:
    """Yield a day's rows by person, object and position, in pages."""
    query = (
        sa.select(
            _RUNS.person, _RUNS.kind, _RUNS.stream, _OBJECTS.tier, _RUNS.object,
            _RUNS.byte_from, _RUNS.byte_len, _RUNS.records,
        )
        .select_from(_LIVE)
        .where(_RUNS.superseded_ms == 0, _RUNS.day == day)
        .order_by(_RUNS.person, _RUNS.object, _RUNS.byte_from)
        .execution_options(yield_per=CHUNK)
    )  # fmt: skip
    for page in db.execute(query).partitions():
        yield [
            Row(
                person=row.person or NOBODY, class_=class_of(row.kind, row.stream),
                stream=row.stream, tier=row.tier, object=row.object, byte_from=row.byte_from,
                byte_len=row.byte_len, records=row.records,
            )
            for row in page
        ]  # fmt: skip


def _gone(db: sa.Connection) -> str:
    gone = tables.gone.c
    offsets = sa.func.sum(gone.last_offset - gone.first_offset + 1)
    count, total = db.execute(sa.select(sa.func.count(), offsets).select_from(tables.gone)).one()
    return f"{count} {int(total or 0)}"
