"""Ship's side of the spool: rows in order, and their removal once acknowledged."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from overt_producer.spool.schema import connect, translated
from overt_producer.spool.store import CONTENT_LANE, FIRST_LANE, account

__all__ = ["CONTENT_LANE", "FIRST_LANE", "Outgoing", "Row"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One record on its way: ``value`` is what the topic gets."""

    id: int
    kind: str
    stream: int
    consent: str
    is_content: bool
    value: bytes = field(repr=False)


class Outgoing:
    """The spool as the shipper sees it, in a connection of its own."""

    def __init__(self, path: Path) -> None:
        self._db = connect(path)

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def after(self, lane: int, number: int, limit: int) -> list[Row]:
        """Return the next rows of a lane behind an id, in order."""
        try:
            rows = self._db.execute(
                "SELECT id, kind, stream, consent, dropped = '' AND kind = 'batch', record "
                "FROM records WHERE lane = ? AND id > ? ORDER BY id LIMIT ?",
                (lane, number, limit),
            ).fetchall()
        except sqlite3.Error as exc:
            raise translated(exc) from exc
        return [
            Row(id=i, kind=kind, stream=stream, consent=consent, is_content=bool(c), value=value)
            for i, kind, stream, consent, c, value in rows
        ]

    def trim(self, ids: Sequence[int]) -> None:
        """Remove acknowledged rows and count their batches as published."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            for number in ids:
                self._db.execute(
                    "UPDATE totals SET published = published + 1 WHERE (boot, stream) = "
                    "(SELECT boot, stream FROM records WHERE id = ? AND kind = 'batch')",
                    (number,),
                )
                self._db.execute("DELETE FROM records WHERE id = ?", (number,))
            self._db.execute("COMMIT")
        except sqlite3.Error as exc:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise translated(exc) from exc

    def account(self) -> dict[str, object]:
        """Return the sums of the spool."""
        return account(self._db)
