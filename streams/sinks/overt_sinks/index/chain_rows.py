"""The index as the sink's chain writes it: a link, its object and its runs, once. SHELL.

``seen`` numbers are taken from their row inside the transaction that inserts: readers that poll by
``seen`` can never be overtaken by a smaller number that commits later. One transaction an object;
an object that stands already changes nothing.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from overt_schemas.errors import Permanent
from overt_sinks.container import Object
from overt_sinks.index import gone_rows, tables, upgrading
from overt_sinks.index.engine import PAGE, Engine, insert_once, is_missing
from overt_sinks.naming import Partition, run_name
from overt_sinks.runs import Run

HOT = "hot"
_NEXT = sa.text("UPDATE sink_cursor SET value = value + :n WHERE name = 'seen' RETURNING value")
_LINKS = sa.select(tables.links).order_by(
    tables.links.c.topic_id, tables.links.c.kafka_part, tables.links.c.first_offset
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """An object of the chain as it was created; it may have been moved since.

    Attributes:
        set_aside: offsets of its range that went to the dead letters instead.
    """

    object: str
    topic: str
    topic_id: str
    kafka_part: int
    first_offset: int
    last_offset: int
    records: int
    set_aside: tuple[int, ...]
    bytes: int
    sha256: str
    created_ms: int


class Index(Engine):
    """One index as a sink uses it; may be used from several threads."""

    @classmethod
    def existing(cls, url: str) -> "Index":
        """Return an index that is there, for whoever looks: nothing is made, nothing upgraded.

        Raises:
            Transient: the index is busy or away.
            Refused: there is none.
            Permanent: it is of another overt-sink.
        """
        if is_missing(url):
            raise upgrading.missing()
        index = cls(url)
        try:
            upgrading.require(index)
        except BaseException:
            index.close()
            raise
        return index

    def create(self) -> None:
        """Bring the tables to the newest migration; at once if they are there already.

        Raises:
            Transient: the index is busy or away; nothing was changed.
            Refused: this identity may not change tables: `overt-sink index upgrade` as the owner.
            Permanent: a newer overt-sink made it.
        """
        upgrading.upgrade(self)

    def last_offset(self, partition: Partition) -> int | None:
        """Return the last offset that a link of the partition covers."""
        links = tables.links.c
        of_it = sa.select(links.last_offset).where(
            links.topic_id == partition.topic_id, links.kafka_part == partition.number
        )
        # Links follow each other, so the last to begin is the last to end; along the index.
        query = of_it.order_by(links.first_offset.desc()).limit(1)
        with self.transaction() as db:
            found: int | None = db.execute(query).scalar()
        return found

    def insert(self, stored: Object, now_ms: int) -> bool:
        """Insert an object with its runs; whether it was new. What is blanked of it is gone.

        Raises:
            Transient: the index is busy or away; nothing was inserted.
            Permanent: another object of that name is in the index.
        """
        with self.transaction(writes=True) as db:
            if not insert_once(db, tables.links, _link_row(stored, now_ms)):
                self._same(db, stored)
                return False
            db.execute(tables.objects.insert(), _object_row(stored, now_ms))
            if stored.runs:
                seen = next_seen(db, len(stored.runs))
                name = stored.name  # made anew at each asking
                rows = [run_row(name, run, seen + n) for n, run in enumerate(stored.runs)]
                db.execute(tables.runs.insert(), rows)
            gone_rows.begin(db, stored.partition, stored.blanked, now_ms)
            return True

    def links(self) -> Iterator[Link]:
        """Yield the links of all chains, chain by chain in order, some thousands in memory."""
        with self.transaction() as db:
            for row in db.execute(_LINKS.execution_options(yield_per=PAGE)).mappings():
                yield Link(**{**row, "set_aside": _numbers(row["set_aside"])})

    def runs(self, object_name: str) -> list[dict[str, Any]]:
        """Return the run rows of an object, by position."""
        query = sa.select(tables.runs).where(tables.runs.c.object == object_name)
        with self.transaction() as db:
            rows = db.execute(query.order_by(tables.runs.c.byte_from)).mappings()
            return [dict(row) for row in rows]

    def _same(self, db: sa.Connection, stored: Object) -> None:
        query = sa.select(tables.links).where(tables.links.c.object == stored.name)
        row, ours = db.execute(query).mappings().first(), _link_row(stored, 0)
        # A link tells an object as it was created; blanking changes its hash and nothing else.
        own = {"created_ms", "sha256"} if stored.blanked else {"created_ms"}
        if row is None or any(row[name] != ours[name] for name in ours.keys() - own):
            raise Permanent(
                "the index knows another object of that name: run overt-sink verify",
                reason="index_differs",
            )


def next_seen(db: sa.Connection, count: int) -> int:
    """Return the first of ``count`` new ``seen`` numbers; the row stays locked to the end."""
    last: int = db.execute(_NEXT, {"n": count}).scalar_one()
    return last - count + 1


def run_row(object_name: str, run: Run, seen: int) -> Mapping[str, object]:
    """Return a run's row."""
    first = run.first
    return {
        "run": run_name(object_name, run.byte_from), "object": object_name,
        "byte_from": run.byte_from, "byte_len": run.byte_len, "records": run.records,
        "kind": first.kind, "person": first.person, "device": first.device, "boot": first.boot,
        "activity": first.activity, "stream": first.stream, "segment": first.segment,
        "first_batch": first.batch, "last_batch": run.last_batch, "day": first.day, "seen": seen,
        "superseded_ms": 0,
    }  # fmt: skip


def _link_row(stored: Object, now_ms: int) -> dict[str, object]:
    where = stored.partition
    return {
        "object": stored.name, "topic": where.topic, "topic_id": where.topic_id,
        "kafka_part": where.number, "first_offset": stored.first, "last_offset": stored.last,
        "records": stored.records, "set_aside": ",".join(map(str, stored.set_aside)),
        "bytes": stored.size, "sha256": stored.sha256, "created_ms": now_ms,
    }  # fmt: skip


def _object_row(stored: Object, now_ms: int) -> dict[str, object]:
    return {
        "object": stored.name, "tier": HOT, "records": stored.records, "bytes": stored.size,
        "sha256": stored.sha256, "person": "", "day": "", "class": "", "created_ms": now_ms,
    }  # fmt: skip


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in text.split(",")) if text else ()
