"""A chain, an index and three buckets in memory, and ways to break each of them."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import obstore
import obstore.store
import sqlalchemy as sa

from overt_schemas import codec
from overt_schemas.catalogue import schema
from overt_schemas.records import StoredPart
from overt_sinks import avro, container
from overt_sinks.audit import contents
from overt_sinks.audit.report import Report
from overt_sinks.audit.verify import check
from overt_sinks.container import frame
from overt_sinks.index import Index, gone_rows, run_row, tables
from overt_sinks.naming import Partition
from overt_sinks.placing import place
from overt_sinks.runs import Datum, Run, runs_of
from overt_sinks.stores.side import NO_SIDE, Side, Upload, Version
from overt_sinks.stores.store import Store
from overt_sinks.taken import Taken
from tests.sinks.made import DAY, WHERE, Segments, aside, taken

PERSON = "p-0123456789abcdef"
WARM = f"person={PERSON}/day={DAY}/class=input/0123456789abcdef0123.avro"
_ZEROS = b"0" * 64


def records(first: int, last: int) -> list[Taken]:
    """Parts of one segment at these offsets."""
    device = Segments(batch=first)
    return [taken(n, device.part(size=20)) for n in range(first, last + 1)]


def pack(name: str, parts: Sequence[StoredPart]) -> tuple[bytes, tuple[Run, ...]]:
    """Return an object of the warm tier in one block, and its runs."""
    datums = [codec.pack(part) for part in parts]
    sync = hashlib.sha256(name.encode()).digest()[:16]
    metadata = {
        "avro.schema": json.dumps(schema("StoredPart").json).encode(), "avro.codec": b"null",
        "overt.records": b"%d" % len(parts), "overt.sha256": _ZEROS,
    }  # fmt: skip
    head = avro.header(metadata, sync)
    opening = avro.long(len(datums)) + avro.long(sum(map(len, datums)))
    at, placed = len(head) + len(opening), []
    for datum, part in zip(datums, parts, strict=True):
        placed.append(Datum(block=0, byte_from=at, byte_len=len(datum), place=place(frame(part))))
        at += len(datum)
    return signed(b"".join((head, opening, *datums, sync))), runs_of(placed)


def signed(data: bytes) -> bytes:
    """Return an object with its own hash put in the place of what stands there."""
    at = data.index(b"overt.sha256") + len(b"overt.sha256") + len(avro.long(64))
    plain = data[:at] + _ZEROS + data[at + 64 :]
    return plain[:at] + hashlib.sha256(plain).hexdigest().encode() + plain[at + 64 :]


@dataclass
class Hidden:
    """What a store keeps beside its objects."""

    found: list[Version] = field(default_factory=list)
    begun: list[Upload] = field(default_factory=list)

    def versions(self, prefix: str) -> Iterator[Version]:
        return iter([v for v in self.found if v.name.startswith(prefix)])

    def delete_version(self, version: Version) -> None:
        self.found.remove(version)

    def uploads(self, prefix: str) -> Iterator[Upload]:
        return iter([u for u in self.begun if u.name.startswith(prefix)])

    def abort(self, upload: Upload) -> None:
        self.begun.remove(upload)


@dataclass
class Kept:
    """A chain of three objects, [0, 9] [10, 19] [20, 29], stored and indexed; 20 is set aside."""

    index: Index
    url: str
    backends: Mapping[str, obstore.store.MemoryStore] = field(
        default_factory=lambda: {
            tier: obstore.store.MemoryStore() for tier in ("hot", "warm", "cold")
        }
    )
    sides: dict[str, Side] = field(default_factory=dict)
    now_ms: int = 1_764_000_000_000

    @classmethod
    def make(cls, url: str) -> "Kept":
        index = Index(url)
        index.create()
        made = cls(index, url)
        for first in (0, 10):
            made.add(first, first + 9, records(first, first + 9))
        made.add(20, 29, [aside(20), *records(21, 29)])
        return made

    @property
    def tiers(self) -> dict[str, Store]:
        return {
            tier: Store(backend, self.sides.get(tier, NO_SIDE))
            for tier, backend in self.backends.items()
        }

    def add(
        self, first: int, last: int, taken_: list[Taken], *, indexed: bool = True,
        where: Partition = WHERE,
    ) -> None:  # fmt: skip
        built, data = container.build(where, first, last, taken_)
        obstore.put(self.backends["hot"], built.name, data)
        if indexed:
            self.index.insert(built, self.now_ms)

    def sql(self, statement: str, **values: Any) -> None:
        engine = sa.create_engine(self.url)
        with engine.begin() as db:
            db.execute(sa.text(statement), values)
        engine.dispose()

    def rows(self, table: str) -> int:
        engine = sa.create_engine(self.url)
        with engine.begin() as db:
            found: int = db.execute(sa.text(f"SELECT count(*) FROM {table}")).scalar_one()  # noqa: S608
        engine.dispose()
        return found

    def read(self, name: str, tier: str = "hot") -> bytes:
        return obstore.get(self.backends[tier], name).bytes().to_bytes()

    def put(self, name: str, data: bytes, tier: str = "hot") -> None:
        obstore.put(self.backends[tier], name, data)

    def delete(self, name: str, tier: str = "hot") -> None:
        obstore.delete(self.backends[tier], name)

    def names(self, tier: str) -> list[str]:
        return sorted(item.name for item in self.tiers[tier].list(""))

    def move(self, first: int, *, state: str = "switched", keep_runs: bool = True) -> str:
        """Move all records of a hot object to the warm tier, as the mover does."""
        name = WHERE.object(first)
        _, parts = container.read(self.read(name))
        target = WARM.replace("0123.avro", f"{first:04d}ff.avro")
        data, runs = pack(target, parts)
        self.put(target, data, "warm")
        self.moves(target, state)
        with self.index.transaction(writes=True) as db:
            db.execute(
                tables.objects.insert(),
                {
                    "object": target, "tier": "warm", "records": len(parts), "bytes": len(data),
                    "sha256": hashlib.sha256(data).hexdigest(), "person": PERSON, "day": DAY,
                    "class": "input", "created_ms": self.now_ms,
                },
            )  # fmt: skip
            db.execute(tables.runs.insert(), [run_row(target, run, 1000 + first) for run in runs])
            mine = tables.runs.c.object == name
            if keep_runs:
                db.execute(tables.runs.update().where(mine).values(superseded_ms=self.now_ms))
            else:
                db.execute(tables.runs.delete().where(mine))
        return target

    def moves(self, target: str, state: str, tier: str = "warm") -> None:
        self.sql("DELETE FROM moves WHERE target = :target", target=target)
        self.sql(
            "INSERT INTO moves VALUES (:move, 'pack', :state, :target, :tier, '', '', '', 0, 0)",
            move=hashlib.sha256((target + state).encode()).hexdigest()[:20], state=state,
            target=target, tier=tier,
        )  # fmt: skip

    def blank(self, first: int, name: str = "") -> None:
        """Blank every record of an object, in the store alone."""
        name = name or WHERE.object(first)
        data = bytearray(self.read(name))
        found = contents.read(bytes(data))
        for run in found.runs:
            at = run.byte_from
            for _ in range(run.records):
                cursor = avro.Cursor(bytes(data), at)
                part = container._next_part(cursor)
                plain = replace(
                    part, append_ms=part.append_ms, key=bytes(len(part.key)),
                    headers=tuple(replace(h, value=bytes(len(h.value))) for h in part.headers),
                    schema_id=0, value=bytes(len(part.value)),
                )  # fmt: skip
                data[at : cursor.at] = codec.pack(plain)
                at = cursor.at
        self.put(name, signed(bytes(data)))

    def erase(self, first: int, last: int) -> None:
        """Blank an object's records and let the index know."""
        name = WHERE.object(first)
        self.blank(first)
        with self.index.transaction(writes=True) as db:
            db.execute(tables.runs.delete().where(tables.runs.c.object == name))
            digest = hashlib.sha256(self.read(name)).hexdigest()
            mine = tables.objects.c.object == name
            db.execute(tables.objects.update().where(mine).values(sha256=digest))
            gone_rows.add(db, WHERE.topic_id, WHERE.number, [(first, last)], "erased", self.now_ms)

    def verify(self, committed: int = 30, *, quick: bool = False) -> Report:
        report = Report(quick=quick)
        check(self.index, self.tiers, {WHERE: committed}, report)
        return report
