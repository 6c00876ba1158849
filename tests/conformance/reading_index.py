"""An index as sinks leave it, filled by hand, and the authority's reader of it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from overt_authority.grants.index import Index
from overt_sinks.index import tables
from tests.conformance.postgres import server

KINDS = ("sqlite", "postgresql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Both:
    """Who writes, and the authority that reads; ``writer`` may do everything."""

    writer: sa.Engine
    index: Index

    def add(self, runs: Sequence[dict[str, Any]], tier: str = "hot") -> None:
        """Insert runs, and their objects where they are new."""
        names = {str(run["object"]) for run in runs}
        found = sa.select(tables.objects.c.object).where(tables.objects.c.object.in_(names))
        with self.writer.begin() as db:
            known = set(db.execute(found).scalars())
            new = [_object(name, tier) for name in sorted(names - known)]
            if new:
                db.execute(tables.objects.insert(), new)
            db.execute(tables.runs.insert(), list(runs))


def row(seen: int, person: str = "p-1", **changes: Any) -> dict[str, Any]:
    """A run's row; its name and object follow from ``seen``."""
    return {
        "run": f"r{seen}", "object": f"o{seen // 64}", "byte_from": seen % 64 * 10, "byte_len": 10,
        "records": 1, "kind": "part", "person": person, "device": "aa", "boot": "bb",
        "activity": 0, "stream": 0, "segment": 0, "first_batch": seen, "last_batch": seen,
        "day": "2026-11-25", "seen": seen, "superseded_ms": 0, **changes,
    }  # fmt: skip


@contextmanager
def index_of(kind: str, folder: Path) -> Iterator[Both]:
    """Give an empty index; the reader comes as somebody who may select objects and runs only."""
    if kind == "sqlite":
        url = reader = f"sqlite:///{folder}/index.db"
        drop: Callable[[], None] = lambda: None  # noqa: E731 - the folder goes by itself
    else:
        running = server()
        name = running.database()
        url, reader = running.url(name), running.url(name, f"reader_{name}", "word")
        drop = lambda: _drop(name)  # noqa: E731 - as above
    writer = sa.create_engine(url)
    try:
        tables.metadata.create_all(writer)
        if kind != "sqlite":
            with writer.begin() as db:
                role = f"reader_{name}"
                db.exec_driver_sql(f"CREATE ROLE {role} LOGIN PASSWORD 'word'")
                db.exec_driver_sql(f"GRANT SELECT ON objects, runs TO {role}")
        index = Index(reader)
        yield Both(writer=writer, index=index)
        index.close()
    finally:
        writer.dispose()
        drop()


def _drop(name: str) -> None:
    server().drop(name)
    with server().connect() as db:
        db.execute(f"DROP ROLE IF EXISTS reader_{name}".encode())


def _object(name: str, tier: str) -> dict[str, Any]:
    return {
        "object": name, "tier": tier, "records": 64, "bytes": 640, "sha256": "", "person": "",
        "day": "", "class": "", "created_ms": 0,
    }  # fmt: skip
