"""What a plan is made of: free runs in hot, warm objects that could be fewer. SHELL, SQL."""

from collections.abc import Iterable, Iterator, Sequence

import sqlalchemy as sa

from overt_sinks.index import HOT, tables
from overt_sinks.index.engine import PAGE
from overt_sinks.index.values import RunRow
from overt_sinks.placing import PART
from overt_sinks.tiers.naming import FRAME, INPUT, MARK, NOBODY, WARM, Group
from overt_sinks.tiers.object_rows import IS_EMPTY, IS_STILL
from overt_sinks.tiers.plan import Packed, Waiting

_RUNS, _OBJECTS, _MOVE_RUNS = tables.runs, tables.objects, tables.move_runs
_CLASS = sa.case((_RUNS.c.kind != PART, MARK), (_RUNS.c.stream == 1, FRAME), else_=INPUT)
_PERSON = sa.case((_RUNS.c.person == "", NOBODY), else_=_RUNS.c.person)
_IS_FREE = ~sa.exists().where(_MOVE_RUNS.c.run == _RUNS.c.run)
_IS_ACTIVE = _RUNS.c.superseded_ms == 0


def waiting(db: sa.Connection, last_day: str) -> list[Waiting]:
    """Return what stands in hot and is in no move, of days up to that one."""
    key = (_PERSON.label("person"), _RUNS.c.day, _CLASS.label("class_"))
    query = (
        sa.select(
            *key, sa.func.count(), sa.cast(sa.func.sum(_RUNS.c.byte_len), sa.BigInteger),
            sa.func.min(_OBJECTS.c.created_ms),
        )
        .select_from(_RUNS.join(_OBJECTS))
        .where(_OBJECTS.c.tier == HOT, _IS_ACTIVE, _RUNS.c.day <= last_day, _IS_FREE)
        # By position: what is bound into an expression makes it another one to PostgreSQL.
        .group_by(sa.text("1, 2, 3"))
        .order_by(sa.text("2, 1, 3"))
    )  # fmt: skip
    found = db.execute(query).all()
    known = sa.select(_OBJECTS.c.person, _OBJECTS.c.day, _OBJECTS.c["class"]).where(
        _OBJECTS.c.tier != HOT, _OBJECTS.c.day >= min((row.day for row in found), default=last_day)
    )
    packed = {tuple(row) for row in db.execute(known.distinct())}
    return [
        Waiting(
            group=Group(person=person, day=day, class_=class_), runs=runs, size=size,
            oldest_ms=oldest, is_late=(person, day, class_) in packed,
        )
        for person, day, class_, runs, size, oldest in found
    ]  # fmt: skip


def to_pack(db: sa.Connection, group: Group) -> Iterator[RunRow]:
    """Yield the free runs of a group that stand in hot, in their order."""
    query = sa.select(_RUNS).join(_OBJECTS).where(_OBJECTS.c.tier == HOT, *_of_group(group))
    return _ordered(db, query)


def to_merge(db: sa.Connection, names: Sequence[str]) -> Iterator[RunRow]:
    """Yield the free runs of some warm objects, in their order."""
    query = sa.select(_RUNS).where(_RUNS.c.object.in_(names), _IS_ACTIVE, _IS_FREE)
    return _ordered(db, query)


def packed(db: sa.Connection, at_least: int) -> Iterator[Packed]:
    """Yield the groups that have so many warm objects outside of any move, with these."""
    key = (_OBJECTS.c.person, _OBJECTS.c.day, _OBJECTS.c["class"])
    here = (_OBJECTS.c.tier == WARM, IS_STILL, ~IS_EMPTY)
    many = sa.select(*key).where(*here).group_by(*key).having(sa.func.count() >= at_least)
    for person, day, class_ in db.execute(many.order_by(*key)).all():
        query = sa.select(_OBJECTS.c.bytes, _OBJECTS.c.object).where(
            *here, key[0] == person, key[1] == day, key[2] == class_
        )
        found = db.execute(query.order_by(_OBJECTS.c.object)).all()
        yield Packed(
            group=Group(person=person, day=day, class_=class_),
            sizes=tuple(size for size, _ in found), names=tuple(name for _, name in found),
        )  # fmt: skip


def _of_group(group: Group) -> Iterable[sa.ColumnElement[bool]]:
    person = "" if group.person == NOBODY else group.person
    return (
        _RUNS.c.person == person, _RUNS.c.day == group.day, sa.literal(group.class_) == _CLASS,
        _IS_ACTIVE, _IS_FREE,
    )  # fmt: skip


def _ordered(db: sa.Connection, query: sa.Select[tuple[object, ...]]) -> Iterator[RunRow]:
    by = _RUNS.c
    query = query.order_by(by.device, by.boot, by.stream, by.first_batch, by.object, by.byte_from)
    for row in db.execute(query.execution_options(yield_per=PAGE)):
        yield RunRow(**row._mapping)
