"""What is wrong with chains of objects, if anything. Pure: `verify` fetches what is compared here.

An account closes when the objects of a partition follow each other without hole or overlap, up to
the committed offset or beyond; when each object in the index is in the store, byte for byte, with
the rows it says; and when the store holds no other object, save one at the end of a chain that a
sink died behind (``pending``: the next start adopts it).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise

from overt_schemas.records import StoredPart
from overt_sinks.container import Object
from overt_sinks.index import Link as Row
from overt_sinks.index import run_row
from overt_sinks.naming import Partition


class Kind(Enum):
    """What can be wrong."""

    HOLE = "offsets between two objects are in neither"
    OVERLAP = "an offset is covered by two objects"
    UNCOVERED = "an offset was committed and no object covers it"
    UNACCOUNTED = "an offset an object covers is neither in it nor among the dead letters"
    REPEATED = "an object holds an offset twice, or one it does not cover"
    MISSING = "an object in the index is not in the store"
    UNREADABLE = "an object does not match its own hash"
    DIFFERS = "an object is not the one in the index"
    ROWS = "the index has other rows than the object's records give"
    STRAY = "an object is in the store and not in the index"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong; offsets are those it begins and ends at."""

    kind: Kind
    partition: int
    first: int
    last: int


def chain_findings(rows: Sequence[Row]) -> list[Finding]:
    """Return holes and overlaps in the rows of one partition, which come in order."""
    found = []
    for before, after in pairwise(rows):
        expected = before.last_offset + 1
        if after.first_offset > expected:
            found.append(_finding(Kind.HOLE, after, expected, after.first_offset - 1))
        elif after.first_offset < expected:
            found.append(_finding(Kind.OVERLAP, after, after.first_offset, before.last_offset))
    return found


def commit_findings(
    rows: Mapping[Partition, Sequence[Row]], committed: Mapping[Partition, int]
) -> list[Finding]:
    """Return what was committed and is in no object."""
    found = []
    for partition, offset in committed.items():
        covered = _end(rows, partition)
        if offset > covered:
            found.append(
                Finding(
                    kind=Kind.UNCOVERED, partition=partition.number, first=covered, last=offset - 1
                )
            )
    return found


def object_findings(row: Row, found: Object, parts: Sequence[StoredPart]) -> list[Finding]:
    """Return what is wrong with an object that was read, against its row in the index."""
    kinds = []
    if (found.name, found.sha256, found.size, found.last, found.records) != (
        row.object, row.sha256, row.bytes, row.last_offset, row.records,
    ):  # fmt: skip
        kinds.append(Kind.DIFFERS)
    offsets = [part.offset for part in parts] + list(found.set_aside)
    if len(set(offsets)) != len(offsets) or any(
        not found.first <= offset <= found.last for offset in offsets
    ):
        kinds.append(Kind.REPEATED)
    if len(set(offsets)) < found.last - found.first + 1:
        kinds.append(Kind.UNACCOUNTED)
    return [_finding(kind, row, row.first_offset, row.last_offset) for kind in kinds]


def rows_agree(found: Object, runs: Iterable[Mapping[str, object]]) -> bool:
    """Whether the index's run rows are those that the object's records give."""
    made = [dict(run_row(found.name, run, 0)) for run in found.runs]
    kept = [{**row, "seen": 0} for row in runs]
    return made == kept


def stray_findings(
    names: Iterable[tuple[Partition, int]], rows: Mapping[Partition, Sequence[Row]]
) -> tuple[list[Finding], int]:
    """Return objects that the index does not know, and how many are only pending."""
    found, pending = [], 0
    known = {(p, row.first_offset) for p, own in rows.items() for row in own}
    for partition, first in names:
        if (partition, first) in known:
            continue
        if first == _end(rows, partition):
            pending += 1
        else:
            found.append(
                Finding(kind=Kind.STRAY, partition=partition.number, first=first, last=first)
            )
    return found, pending


def _end(rows: Mapping[Partition, Sequence[Row]], partition: Partition) -> int:
    own = rows.get(partition, ())
    return own[-1].last_offset + 1 if own else 0


def _finding(kind: Kind, row: Row, first: int, last: int) -> Finding:
    return Finding(kind=kind, partition=row.kafka_part, first=first, last=last)
