"""What a move puts into its target: runs that become one object, or an object as it is. SHELL."""

import hashlib
from dataclasses import dataclass
from typing import Protocol

import sqlalchemy as sa

from overt_schemas.errors import Malformed
from overt_sinks.index.engine import Engine
from overt_sinks.stores.store import NotFound
from overt_sinks.tiers import bundle, move_rows, object_rows
from overt_sinks.tiers.buckets import Bucket, Buckets
from overt_sinks.tiers.bundle import Bundle
from overt_sinks.tiers.plan import Kind, Move
from overt_sinks.tiers.sources import Sources
from overt_sinks.tiers.step import READINGS


class Copy(Protocol):
    """The bytes of a target, how they are known again, and how the index comes to point there."""

    @property
    def data(self) -> bytes:
        """What the target holds."""
        ...

    @property
    def records(self) -> int:
        """How many records that is."""
        ...

    def is_same(self, found: bytes) -> bool:
        """Whether what was read back is what the sources give."""
        ...

    def switch(self, db: sa.Connection, now_ms: int) -> bool:
        """Point the index at the target; False if the move is stale."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """Runs that become one object."""

    move: Move
    bundle: Bundle
    data: bytes

    @property
    def records(self) -> int:
        """How many records it holds."""
        return self.bundle.records

    def is_same(self, found: bytes) -> bool:
        """Whether each datum is as it stood in the sources."""
        return bundle.is_whole(self.bundle, found)

    def switch(self, db: sa.Connection, now_ms: int) -> bool:
        """Show the target's runs, and supersede the sources'."""
        return move_rows.switch_to(db, self.move, self.bundle, now_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """A whole object that goes to another bucket under its name."""

    move: Move
    sha256: str
    records: int
    data: bytes

    def is_same(self, found: bytes) -> bool:
        """Whether it is the same object."""
        return hashlib.sha256(found).hexdigest() == self.sha256

    def switch(self, db: sa.Connection, now_ms: int) -> bool:
        """Name the other tier as the object's."""
        return move_rows.switch_tier(db, self.move, now_ms)


def make(engine: Engine, buckets: Buckets, sources: Sources, move: Move) -> Copy | None:
    """Return what the target is to hold, or None if the move's sources are not there any more.

    Raises:
        Malformed: a source is not what the index says; reason ``source_differs``.
        Transient: ask again.
    """
    try:
        if move.kind is Kind.PACK:
            return _packed(engine, buckets, sources, move)
        return _carried(engine, buckets, move)
    except (NotFound, Malformed) as exc:
        # Expired or erased while it was read? Then the rows went first.
        if not _stands(engine, move):
            return None
        raise Malformed(
            "a source of a move is not what the index says: run overt-sink verify",
            reason="source_differs",
        ) from exc


def _packed(engine: Engine, buckets: Buckets, sources: Sources, move: Move) -> Packed | None:
    with engine.transaction() as db:
        wanted = move_rows.sources(db, move.id)
        first = object_rows.object_row(db, wanted[0].object) if wanted else None
    if not wanted or first is None:
        return None
    found = sources.read(first.tier, buckets[first.tier], wanted)
    made, data = bundle.build(move.target, move.group, found)
    return Packed(move=move, bundle=made, data=data)


def _carried(engine: Engine, buckets: Buckets, move: Move) -> Carried | None:
    source = move_rows.other_tier(move.tier)
    with engine.transaction() as db:
        row = object_rows.object_row(db, move.target)
    if row is None or row.tier != source:
        return None
    data = _read(buckets[source], move.target, row.sha256)
    return Carried(move=move, sha256=row.sha256, records=row.records, data=data)


def _read(bucket: Bucket, name: str, sha256: str) -> bytes:
    for _ in range(READINGS):
        data = bucket.read(name)
        if hashlib.sha256(data).hexdigest() == sha256:
            return data
    raise Malformed("an object is another than the index says", reason="source_differs")


def _stands(engine: Engine, move: Move) -> bool:
    with engine.transaction() as db:
        if not move_rows.is_planned(db, move.id):
            return False
        if move.kind is Kind.PACK:
            return move_rows.sources(db, move.id) is not None
        row = object_rows.object_row(db, move.target)
        return row is not None and row.tier == move_rows.other_tier(move.tier)
