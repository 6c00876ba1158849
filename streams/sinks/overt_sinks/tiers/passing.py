"""One pass of a mover: what was left, what is over, what is due. SHELL."""

from collections.abc import Callable, Mapping

from overt_schemas.errors import Transient
from overt_sinks import telemetry
from overt_sinks.naming import Partition
from overt_sinks.tiers import move_rows, object_rows, plan, plan_rows
from overt_sinks.tiers.mover import Mover
from overt_sinks.tiers.naming import COLD, DAY_MS, WARM, Group, carry_id, day_of
from overt_sinks.tiers.plan import Kind, Move
from overt_sinks.tiers.settling import settle

Tell = Callable[[int, int], None]


def run(mover: Mover, committed: Mapping[Partition, int] | None, tell: Tell) -> None:
    """Do everything that is to be done now.

    Raises:
        Transient: store or index do not answer; what was planned is done by the next pass.
        Refused: this identity may not.
    """
    mover.resume()
    settle(mover, committed)
    groups = _due(mover)
    for n, group in enumerate(groups):
        tell(n, len(groups))
        _pack(mover, group)
    tell(len(groups), len(groups))
    _merge(mover)
    _go_cold(mover)


def run_patiently(mover: Mover, committed: Mapping[Partition, int] | None, tell: Tell) -> None:
    """Do a pass; one that store or index cut short is told, and the next goes on."""
    try:
        run(mover, committed, tell)
    except Transient as exc:
        telemetry.move_retried(exc.reason)


def restore(mover: Mover, tell: Tell, *, name: str = "", person: str = "", day: str = "") -> int:
    """Bring cold objects back: one by name, or those of one person's day; return how many stood.

    What is back stays warm as long as what is fresh.
    """
    with mover.engine.transaction() as db:
        if name:
            row = object_rows.object_row(db, name)
            found = [row] if row is not None and row.tier == COLD else []
        else:
            found = object_rows.still(db, COLD, day, person=person, day=day)
    names = [row.object for row in found]
    for n, wanted in enumerate(names):
        tell(n, len(names))
        carry(mover, Kind.RESTORE, WARM, wanted)
    tell(len(names), len(names))
    return len(names)


def carry(mover: Mover, kind: Kind, tier: str, name: str) -> bool:
    """Move one whole object to another tier; whether the index points there now."""
    now = mover.now_ms()
    with object_rows.deciding(mover.engine) as db:
        source = move_rows.other_tier(tier)
        row = object_rows.object_row(db, name)
        if row is None or not object_rows.named_still(db, source, [name]):
            return False
        move = Move(
            id=carry_id(tier, name), kind=kind, target=name, tier=tier,
            group=Group(person=row.person, day=row.day, class_=row.class_),
        )  # fmt: skip
        if not move_rows.write_down(db, move, now):
            return False
    return mover.move(move)


def _due(mover: Mover) -> list[Group]:
    now = mover.now_ms()
    with mover.engine.transaction() as db:
        found = plan_rows.waiting(db, day_of(now))
    return [waiting.group for waiting in found if plan.is_due(waiting, mover.rules, now)]


def _pack(mover: Mover, group: Group) -> None:
    """Plan all of a group at once, so that its runs have their order; then do it."""
    with object_rows.deciding(mover.engine) as db:
        due = list(plan_rows.to_pack(db, group))
        moves = list(plan.moves(group, WARM, due, mover.rules.object_bytes))
        fresh = [move for move in moves if move_rows.write_down(db, move, mover.now_ms())]
    for move in fresh:
        mover.move(move)


def _merge(mover: Mover) -> None:
    with mover.engine.transaction() as db:
        many = list(plan_rows.packed(db, mover.rules.merge_objects))
    for packed in many:
        names = plan.to_merge(packed, mover.rules)
        if not names:
            continue
        with object_rows.deciding(mover.engine) as db:
            if len(object_rows.named_still(db, WARM, names)) < len(names):
                continue  # another mover is at them
            due = list(plan_rows.to_merge(db, names))
            moves = list(plan.moves(packed.group, WARM, due, mover.rules.object_bytes))
            fresh = [move for move in moves if move_rows.write_down(db, move, mover.now_ms())]
        for move in fresh:
            mover.move(move)


def _go_cold(mover: Mover) -> None:
    now = mover.now_ms()
    if not mover.rules.cold_after_ms:
        return
    last_day = day_of(now - mover.rules.cold_after_ms - DAY_MS)
    with mover.engine.transaction() as db:
        standing = object_rows.still(db, WARM, last_day)
    for row in standing:
        due = plan.cold_ms(row.day, row.created_ms, mover.rules)
        if due is not None and due <= now:
            carry(mover, Kind.COLD, COLD, row.object)
