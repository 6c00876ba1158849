"""An index with rows set by hand, and publications of it."""

import time
from pathlib import Path

from overt_sinks.index import Index, gone_rows, reading_rows, tables
from overt_sinks.index.engine import Engine
from overt_sinks.publish.place import Place, Remote
from overt_sinks.publish.publishing import Limits, Outcome, publish
from tests.sinks.made import TOPIC_ID, WHERE
from tests.sinks.publish import reading

ANNA, BERT = "p-00000000000anna0", "p-00000000000bert0"
DAYS = ("2026-11-23", "2026-11-24", "2026-11-25")


class Desk:
    """An index with rows set by hand, and publications of it."""

    def __init__(
        self, folder: Path, url: str, warehouse: str = "", remote: Remote | None = None
    ) -> None:
        self.folder, self.index, self.seen = folder, Index(url), 0
        self.catalog = f"sqlite:///{folder}/catalog.db"
        self.warehouse, self.remote = warehouse or f"file://{folder}/warehouse", remote
        self.index.create()

    def add(self, person: str, day: str, count: int = 3, tier: str = "hot") -> str:
        """Put an object with ``count`` runs of one person and day; return its name."""
        name = WHERE.object(self.seen)
        one = {"object": name, "tier": tier, "records": count, "bytes": 9, "sha256": ""}
        runs = []
        for n in range(count):
            self.seen += 1
            runs.append({
                "run": f"{self.seen:016x}-{n}", "object": name, "byte_from": n * 100,
                "byte_len": 90, "records": 1, "kind": "part", "person": person,
                "device": "d0" * 16, "boot": "b0" * 16, "activity": 1, "stream": 0,
                "segment": 1, "first_batch": n, "last_batch": n, "day": day,
                "seen": self.seen, "superseded_ms": 0,
            })  # fmt: skip
        with self.index.transaction(writes=True) as db:
            db.execute(
                tables.objects.insert(),
                {**one, "person": "", "day": "", "class": "", "created_ms": 0},
            )
            db.execute(tables.runs.insert(), runs)
        return name

    def erase(self, person: str) -> None:
        with self.index.transaction(writes=True) as db:
            db.execute(tables.runs.delete().where(tables.runs.c.person == person))
            gone_rows.add(db, TOPIC_ID, 2, [(0, 5)], gone_rows.ERASED, 1)

    def publish(
        self, now_s: float | None = None, *, by: Engine | None = None, **limits: float
    ) -> Outcome:
        at = time.time() if now_s is None else now_s
        place = Place(self.catalog, self.warehouse, self.remote)
        return publish(
            by or self.index, place, self.folder / "lock", Limits(**limits), lambda: at,
            lambda _done, _total: None,
        )  # fmt: skip

    def expected(self) -> set[reading.Key]:
        with self.index.transaction() as db:
            rows = reading_rows.segments(db, [], 0, 10_000)
        return {(row.person or "-", row.day, row.object, row.byte_from) for row in rows}
