"""What is to be moved, decided from what the index holds. Pure.

A day is packed once it is over and ``after`` has passed. What comes later waits until there is
enough of it or until it is old, so that a straggler does not make an object of its own each hour;
and where many small objects of one group stand nevertheless, they become one.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from overt_sinks.tiers.naming import Group, day_end_ms, move_id, target

if TYPE_CHECKING:  # the value alone: its module speaks SQL, this one does not
    from overt_sinks.index.values import RunRow

# Of a block: its two numbers and its marker. Of a header: the schema is 2 KiB.
_BLOCK_BYTES = 32
_HEADER_BYTES = 4096


class Kind(Enum):
    """What a move does."""

    PACK = "pack"
    COLD = "cold"
    RESTORE = "restore"


class State(Enum):
    """How far a move is; written down before what follows from it is done."""

    PLANNED = "planned"
    SWITCHED = "switched"
    DONE = "done"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """When what moves; times in milliseconds."""

    after_ms: int = 86_400_000
    cold_after_ms: int = 0
    grace_ms: int = 3_600_000
    min_hot_age_ms: int = 86_400_000
    object_bytes: int = 64 * 1_048_576
    late_bytes: int = 262_144
    late_ms: int = 7 * 86_400_000
    merge_objects: int = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """What of one group stands in hot and is in no move.

    Attributes:
        oldest_ms: when the oldest of its objects was created.
        is_late: whether the group has warm or cold objects already.
    """

    group: Group
    runs: int
    size: int
    oldest_ms: int
    is_late: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """The warm objects of one group that are in no move, by size."""

    group: Group
    sizes: tuple[int, ...]
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A move as it is written down; ``runs`` are empty where a whole object is carried."""

    id: str
    kind: Kind
    target: str
    tier: str
    group: Group
    runs: tuple[str, ...] = field(default=(), repr=False)


def is_due(waiting: Waiting, rules: Rules, now_ms: int) -> bool:
    """Whether a group is packed now."""
    end = day_end_ms(waiting.group.day)
    if end is None or not waiting.group.is_named or now_ms < end + rules.after_ms:
        return False
    if not waiting.is_late:
        return True
    return waiting.size >= rules.late_bytes or now_ms >= waiting.oldest_ms + rules.late_ms


def due_ms(waiting: Waiting, rules: Rules) -> int | None:
    """Return from when a group is packed, if nothing more comes; None for never."""
    end = day_end_ms(waiting.group.day)
    if end is None or not waiting.group.is_named:
        return None
    due = end + rules.after_ms
    if waiting.is_late and waiting.size < rules.late_bytes:
        due = max(due, waiting.oldest_ms + rules.late_ms)
    return due


def to_merge(packed: Packed, rules: Rules) -> tuple[str, ...]:
    """Return the objects that become one, or none."""
    small = [
        (size, name)
        for size, name in sorted(zip(packed.sizes, packed.names, strict=True))
        if size * 2 <= rules.object_bytes
    ]
    chosen: list[str] = []
    total = _HEADER_BYTES
    for size, name in small:
        if total + size > rules.object_bytes:
            break
        total += size
        chosen.append(name)
    return tuple(chosen) if len(chosen) >= rules.merge_objects else ()


def cold_ms(day: str, created_ms: int, rules: Rules) -> int | None:
    """Return from when a warm object goes cold; None for never.

    It counts from its day or from when it came to its tier, so what was restored stays a while.
    """
    end = day_end_ms(day)
    if not rules.cold_after_ms or end is None:
        return None
    return max(end, created_ms) + rules.cold_after_ms


def moves(group: Group, tier: str, rows: "Iterable[RunRow]", object_bytes: int) -> Iterator[Move]:
    """Yield the moves that pack these runs, which come in their order.

    An object is cut where a segment ends; inside of one only if it alone is larger than an object.
    """
    for names in _cut(_segments(rows), object_bytes):
        own = move_id(names)
        yield Move(
            id=own, kind=Kind.PACK, target=target(group, own), tier=tier, group=group,
            runs=tuple(names),
        )  # fmt: skip


def _segments(rows: "Iterable[RunRow]") -> "Iterator[list[RunRow]]":
    segment: list[RunRow] = []
    for row in rows:
        if segment and _of(segment[-1]) != _of(row):
            yield segment
            segment = []
        segment.append(row)
    if segment:
        yield segment


def _of(row: "RunRow") -> tuple[object, ...]:
    return (row.device, row.boot, row.stream, row.segment)


def _cut(segments: "Iterable[Sequence[RunRow]]", object_bytes: int) -> Iterator[list[str]]:
    names: list[str] = []
    total = _HEADER_BYTES
    for segment in segments:
        size = sum(_size(row) for row in segment)
        if names and total + size > object_bytes:
            yield names
            names, total = [], _HEADER_BYTES
        for row in segment:
            if names and total + _size(row) > object_bytes:
                yield names
                names, total = [], _HEADER_BYTES
            names.append(row.run)
            total += _size(row)
    if names:
        yield names


def _size(row: "RunRow") -> int:
    return row.byte_len + _BLOCK_BYTES
