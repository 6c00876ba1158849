"""Ends what was switched, and removes what nothing points into any more. SHELL.

The bucket lets go of an object before its row does, so that a crash between leaves a row that says
what is still to be removed, never an object that nobody knows.
"""

from collections.abc import Callable, Mapping
from functools import partial

from overt_schemas.errors import Refused
from overt_sinks import telemetry
from overt_sinks.index import HOT
from overt_sinks.index.values import Standing
from overt_sinks.naming import Partition
from overt_sinks.tiers import buckets, move_rows, object_rows
from overt_sinks.tiers.move_rows import Written
from overt_sinks.tiers.mover import Mover
from overt_sinks.tiers.naming import COLD, WARM
from overt_sinks.tiers.plan import Kind, State


def settle(mover: Mover, committed: Mapping[Partition, int] | None) -> None:
    """End moves whose time of grace is over; delete what is empty.

    ``committed`` are the sink's offsets; without them nothing is deleted in hot. What this identity
    may not delete waits for one that may: a mover leaves what goes from cold to the eraser's.
    """
    _end_moves(mover)
    _unblock(mover)
    _remove_empty(mover)
    if committed is not None:
        _remove_hot(mover, committed)


def _end_moves(mover: Mover) -> None:
    now = mover.now_ms()
    with mover.engine.transaction() as db:
        switched = move_rows.written(db, State.SWITCHED)
    for found in switched:
        if found.changed_ms + mover.rules.grace_ms > now:
            mover.done.waiting += 1
            continue
        _may(mover, partial(_end_move, mover, found, now))
    with object_rows.deciding(mover.engine) as db:
        oldest = now - max(mover.rules.min_hot_age_ms, mover.rules.grace_ms)
        move_rows.forget(db, State.DONE, oldest)


def _end_move(mover: Mover, found: Written, now: int) -> None:
    """Under the lock: the object may have come back to where it is removed from here."""
    move = found.move
    is_carried = move.kind is not Kind.PACK
    source = move_rows.other_tier(move.tier)
    with object_rows.deciding(mover.engine) as db:
        if not move_rows.is_as_before(db, found):
            return
        if is_carried:
            buckets.remove(mover.tiers[source], move.target)
        move_rows.finish(db, move.id, now)
    if is_carried:
        telemetry.object_deleted(source, move.kind.value)
        mover.done.deleted += 1


def _unblock(mover: Mover) -> None:
    """Keep the names of cancelled moves taken until no mover can be at them any more."""
    now = mover.now_ms()
    with mover.engine.transaction() as db:
        cancelled = move_rows.written(db, State.CANCELLED)
    for found in cancelled:
        is_old = found.changed_ms + mover.rules.min_hot_age_ms <= now
        _may(mover, partial(_keep_taken, mover, found, is_old=is_old))


def _keep_taken(mover: Mover, found: Written, *, is_old: bool) -> None:
    """Under the lock: whoever is late must not take away what a new plan put there."""
    bucket, name = mover.tiers[found.move.tier], found.move.target
    with object_rows.deciding(mover.engine) as db:
        if not move_rows.is_as_before(db, found):
            return
        buckets.block(bucket, name)
        if is_old:
            buckets.remove(bucket, name)
            move_rows.drop_cancelled(db, found.move.id)


def _remove_empty(mover: Mover) -> None:
    """Remove warm and cold objects that no run points into."""
    for tier in (WARM, COLD):
        with mover.engine.transaction() as db:
            empty = object_rows.empty(db, tier)
        for row in empty:
            if _may(mover, partial(buckets.remove, mover.tiers[tier], row.object)):
                _forget(mover, row, "empty")


def _may(mover: Mover, call: Callable[[], object]) -> bool:
    """Do it; False if this identity may not."""
    try:
        call()
    except Refused as exc:
        telemetry.removal_left(exc.reason)
        mover.done.waiting += 1
        return False
    return True


def _remove_hot(mover: Mover, committed: Mapping[Partition, int]) -> None:
    """Remove hot objects that no run points into and no sink can be at any more."""
    alive = {partition.topic_id for partition in committed}
    ends = {(p.topic_id, p.number): offset for p, offset in committed.items()}
    old = mover.now_ms() - mover.rules.min_hot_age_ms
    with mover.engine.transaction() as db:
        found = object_rows.empty_hot(db, old)
    for row, link in found:
        # The chain of a topic that was made anew has ended; without any offset nobody knows.
        is_ended = bool(alive) and link.topic_id not in alive
        if is_ended or link.last_offset < ends.get((link.topic_id, link.kafka_part), 0):
            buckets.remove(mover.tiers[HOT], row.object)
            _forget(mover, row, "packed")
        else:
            mover.done.waiting += 1


def _forget(mover: Mover, row: Standing, why: str) -> None:
    with object_rows.deciding(mover.engine) as db:
        object_rows.drop_object(db, row.object)
    telemetry.object_deleted(row.tier, why)
    mover.done.deleted += 1
