"""Removes a whole warm or cold object, and says of each of its records that it is gone. SHELL.

The order is what a crash may not upset. First one transaction takes the runs away and writes the
offsets down as gone; the object's row stays. Then the buckets let go of the name, all versions.
Then the row goes. In between, a row without runs says what is still to be removed, to the next one
who looks (a mover does, too), and each offset is accounted for at every instant.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable

import sqlalchemy as sa

from overt_schemas.errors import Malformed, Refused
from overt_sinks import telemetry
from overt_sinks.erase import blank
from overt_sinks.index import gone_rows, hold_rows, inventory_rows
from overt_sinks.index.engine import Engine
from overt_sinks.index.values import RunRow, Standing
from overt_sinks.tiers import buckets, object_rows
from overt_sinks.tiers.buckets import Buckets
from overt_sinks.tiers.naming import COLD, WARM
from overt_sinks.tiers.step import READINGS

HELD = "held"
Offsets = dict[tuple[str, int], list[tuple[int, int]]]
May = Callable[[sa.Connection], bool]


def read_whole(tiers: Buckets, row: Standing) -> bytes:
    """Return an object that is what the index says.

    Raises:
        Malformed: it is another; reason ``source_differs``.
        NotFound: it is not there.
    """
    for _ in range(READINGS):
        data = tiers[row.tier].read(row.object)
        if hashlib.sha256(data).hexdigest() == row.sha256:
            return data
    raise Malformed(
        "an object is another than the index says: run overt-sink verify", reason="source_differs"
    )


def offsets_of(data: bytes, runs: Iterable[RunRow]) -> Offsets:
    """Return the offsets in these runs of an object, as ranges by topic id and partition."""
    found: Offsets = defaultdict(list)
    for run in runs:
        for topic_id, partition, offset in blank.sources(data, run.byte_from, run.byte_len):
            found[topic_id, partition].append((offset, offset))
    return found


def write_gone(db: sa.Connection, offsets: Offsets, why: str, now_ms: int) -> int:
    """Write offsets down as gone; return how many."""
    for (topic_id, partition), ranges in offsets.items():
        gone_rows.add(db, topic_id, partition, ranges, why, now_ms)
    return sum(len(ranges) for ranges in offsets.values())


def refuse_held(db: sa.Connection, person: str) -> None:
    """Refuse if a person is on hold; in the transaction that takes rows away.

    Raises:
        Refused: reason ``held``.
    """
    if hold_rows.held(db, (person,)):
        raise Refused(
            "the person is on legal hold: overt-sink hold list names the ticket", reason=HELD
        )


def remove(
    engine: Engine, tiers: Buckets, row: Standing, data: bytes, why: str, now_ms: int, may: May
) -> int | None:
    """Remove an object; return how many records were in it, or None if it may not be now.

    ``may`` is asked in the transaction that takes the runs away.

    Raises:
        Refused: the person is on hold.
        Transient: ask again; what was begun is ended by the next one.
    """
    with object_rows.deciding(engine) as db:
        refuse_held(db, row.person)
        if not may(db):
            return None
        runs = inventory_rows.runs_of(db, row.object)
        # What is superseded stands elsewhere, and is accounted for there.
        offsets = offsets_of(data, [run for run in runs if not run.superseded_ms])
        count = write_gone(db, offsets, why, now_ms)
        object_rows.drop_runs(db, [run.run for run in runs])
    end(engine, tiers, row, why)
    return count


def end(engine: Engine, tiers: Buckets, row: Standing, why: str) -> None:
    """Remove an object without runs from both tiers, and then its row."""
    for tier in (WARM, COLD):
        buckets.remove(tiers[tier], row.object)
    with object_rows.deciding(engine) as db:
        object_rows.drop_object(db, row.object)
    telemetry.object_deleted(row.tier, why)
