"""Moves as they are written down: planned, switched, done or cancelled. SHELL, SQL."""

from dataclasses import asdict, dataclass

import sqlalchemy as sa

from overt_sinks.index import tables
from overt_sinks.index.engine import AT_ONCE, insert_once
from overt_sinks.index.values import RunRow
from overt_sinks.tiers.bundle import Bundle
from overt_sinks.tiers.naming import COLD, WARM, Group
from overt_sinks.tiers.object_rows import IS_EMPTY
from overt_sinks.tiers.plan import Kind, Move, State

_RUNS, _OBJECTS, _MOVES, _MOVE_RUNS = tables.runs, tables.objects, tables.moves, tables.move_runs


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A move as it stands in the index."""

    move: Move
    state: State
    changed_ms: int


def write_down(db: sa.Connection, move: Move, now_ms: int) -> bool:
    """Write a plan down; whether it is new. What is done of the same name gives way."""
    done = _MOVES.c.state == State.DONE.value
    db.execute(_MOVES.delete().where(_MOVES.c.move == move.id, done))
    row = {
        "move": move.id, "kind": move.kind.value, "state": State.PLANNED.value,
        "target": move.target, "tier": move.tier, "person": move.group.person,
        "day": move.group.day, "class": move.group.class_, "created_ms": now_ms,
        "changed_ms": now_ms,
    }  # fmt: skip
    if not insert_once(db, _MOVES, row):
        return False
    if move.runs:
        runs = [{"move": move.id, "position": n, "run": run} for n, run in enumerate(move.runs)]
        db.execute(_MOVE_RUNS.insert(), runs)
    return True


def written(db: sa.Connection, *states: State, group: Group | None = None) -> list[Written]:
    """Return the moves in these states, oldest first; their runs are asked for one by one."""
    query = sa.select(_MOVES).where(_MOVES.c.state.in_([state.value for state in states]))
    if group is not None:
        query = query.where(_MOVES.c.person == group.person, _MOVES.c.day == group.day)
    query = query.order_by(_MOVES.c.created_ms, _MOVES.c.move)
    return [_written(row) for row in db.execute(query).mappings()]


def sources(db: sa.Connection, move: str) -> list[RunRow] | None:
    """Return the runs of a move in their order, or None if not all of them stand any more."""
    count = sa.select(sa.func.count()).where(_MOVE_RUNS.c.move == move)
    query = (
        sa.select(_RUNS)
        .join(_MOVE_RUNS, _MOVE_RUNS.c.run == _RUNS.c.run)
        .where(_MOVE_RUNS.c.move == move, _RUNS.c.superseded_ms == 0)
        .order_by(_MOVE_RUNS.c.position)
    )
    found = [RunRow(**row._mapping) for row in db.execute(query)]
    return found if found and len(found) == db.execute(count).scalar() else None


def is_planned(db: sa.Connection, move: str) -> bool:
    """Whether a move is planned and not yet switched or cancelled."""
    return state_of(db, move) is State.PLANNED


def state_of(db: sa.Connection, move: str) -> State | None:
    """Return how far a move is, or None if it was forgotten."""
    found = db.execute(sa.select(_MOVES.c.state).where(_MOVES.c.move == move)).scalar()
    return State(found) if found is not None else None


def is_as_before(db: sa.Connection, found: Written) -> bool:
    """Whether a move still is as far as it was, and has been since."""
    query = sa.select(_MOVES.c.move).where(
        _MOVES.c.move == found.move.id, _MOVES.c.state == found.state.value,
        _MOVES.c.changed_ms == found.changed_ms,
    )  # fmt: skip
    return db.execute(query).first() is not None


def switch_to(db: sa.Connection, move: Move, bundle: Bundle, now_ms: int) -> bool:
    """Point the index at a packed object; False if the move is stale, then nothing changed."""
    if not is_planned(db, move.id):
        return False
    rows = sources(db, move.id)
    if rows is None:
        return False
    db.execute(
        _OBJECTS.insert(),
        {
            "object": bundle.name, "tier": move.tier, "records": bundle.records,
            "bytes": bundle.size, "sha256": bundle.sha256, "person": move.group.person,
            "day": move.group.day, "class": move.group.class_, "created_ms": now_ms,
        },
    )  # fmt: skip
    for at in range(0, len(rows), AT_ONCE):
        some = [row.run for row in rows[at : at + AT_ONCE]]
        db.execute(_RUNS.update().where(_RUNS.c.run.in_(some)).values(superseded_ms=now_ms))
    db.execute(_RUNS.insert(), [asdict(row) for row in bundle.runs])
    set_state(db, move.id, State.SWITCHED, now_ms)
    return True


def switch_tier(db: sa.Connection, move: Move, now_ms: int) -> bool:
    """Point the index at the copy of a whole object; False if the move is stale."""
    if not is_planned(db, move.id):
        return False
    update = (
        _OBJECTS.update()
        .where(
            _OBJECTS.c.object == move.target, _OBJECTS.c.tier == other_tier(move.tier), ~IS_EMPTY
        )
        .values(tier=move.tier, created_ms=now_ms)
        .returning(_OBJECTS.c.object)
    )
    if db.execute(update).first() is None:
        return False
    set_state(db, move.id, State.SWITCHED, now_ms)
    return True


def other_tier(tier: str) -> str:
    """Return where a whole object that comes to this tier comes from."""
    return WARM if tier == COLD else COLD


def cancel(db: sa.Connection, move: str, now_ms: int) -> bool:
    """Cancel a move that is planned; whether it was. Its runs are free again."""
    if not is_planned(db, move):
        return False
    retire(db, move, now_ms)
    return True


def retire(db: sa.Connection, move: str, now_ms: int) -> None:
    """Cancel a move, however far it is: nothing of what it moved is there any more."""
    db.execute(_MOVE_RUNS.delete().where(_MOVE_RUNS.c.move == move))
    set_state(db, move, State.CANCELLED, now_ms)


def finish(db: sa.Connection, move: str, now_ms: int) -> int:
    """End a switched move: its superseded runs go; return how many."""
    own = sa.select(_MOVE_RUNS.c.run).where(_MOVE_RUNS.c.move == move)
    delete = _RUNS.delete().where(_RUNS.c.run.in_(own), _RUNS.c.superseded_ms > 0)
    count = len(db.execute(delete.returning(_RUNS.c.run)).all())
    db.execute(_MOVE_RUNS.delete().where(_MOVE_RUNS.c.move == move))
    set_state(db, move, State.DONE, now_ms)
    return count


def set_state(db: sa.Connection, move: str, state: State, now_ms: int) -> None:
    """Write down how far a move is."""
    changed = {"state": state.value, "changed_ms": now_ms}
    db.execute(_MOVES.update().where(_MOVES.c.move == move).values(**changed))


def forget(db: sa.Connection, state: State, before_ms: int) -> int:
    """Drop the moves that came to that state before a time; return how many."""
    old = (_MOVES.c.state == state.value, _MOVES.c.changed_ms < before_ms)
    return len(db.execute(_MOVES.delete().where(*old).returning(_MOVES.c.move)).all())


def drop_cancelled(db: sa.Connection, move: str) -> None:
    """Drop a cancelled move."""
    is_cancelled = _MOVES.c.state == State.CANCELLED.value
    db.execute(_MOVES.delete().where(_MOVES.c.move == move, is_cancelled))


def _written(row: sa.RowMapping) -> Written:
    group = Group(person=row["person"], day=row["day"], class_=row["class"])
    move = Move(
        id=row["move"], kind=Kind(row["kind"]), target=row["target"], tier=row["tier"], group=group
    )
    return Written(move=move, state=State(row["state"]), changed_ms=row["changed_ms"])
