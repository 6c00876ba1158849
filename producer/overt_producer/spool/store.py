"""The spool: records the endpoint has promised to deliver.

A record survives the death of this process once ``append`` returns, and a power cut once the next
``checkpoint`` does. Records are read in order and removed once the broker has acknowledged every
earlier one. The file never grows past its cap: frames are let go first, oldest first; consent
receipts never. One process writes, one ships. (Layout: ``schema.py``.)
"""

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from overt_producer.sealing import SpoolBatch
from overt_producer.spool.quota import HOUR_MS, Content, Store, victims
from overt_producer.spool.schema import connect, translated
from overt_schemas import codec
from overt_schemas.envelope import batch as envelope
from overt_schemas.errors import Permanent
from overt_schemas.ids import Stream
from overt_schemas.records import Tombstone
from overt_schemas.signing import SigningKey

FIRST_LANE, CONTENT_LANE = 0, 1
PRESENCE_KEPT = 20  # the authority wants the latest; a week offline must not fill the disk


@dataclass(frozen=True, slots=True, kw_only=True)
class Boot:
    """What the spool knows of one boot of capture; ``number`` is its place in their order."""

    boot: bytes
    person: str
    is_clean: bool
    input_batches: int
    frame_batches: int
    events: int


class Spool:
    """Capture's side of the file.

    Raises (every method):
        Permanent: disk full (``disk_full``) or a broken file (``spool``).
        Transient: the other process held it for longer than 5 s.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db = connect(path)
        # What this side lets go of is overwritten, not only unlinked. Ship's deletions are not:
        # what it removes was delivered.
        self._db.execute("PRAGMA secure_delete=ON")

    def close(self) -> None:
        """Write everything through and let go."""
        self.checkpoint()
        self._db.close()

    # -- writing

    def begin(self, boot: bytes, person: str) -> None:
        """Enter a new boot."""
        with self._transaction() as db:
            db.execute(
                "INSERT INTO boots (boot, number, person) "
                "SELECT ?, coalesce(max(number), -1) + 1, ? FROM boots",
                (boot, person),
            )
            db.executemany(
                "INSERT INTO totals (boot, stream) VALUES (?, ?)",
                [(boot, Stream.INPUT), (boot, Stream.FRAME)],
            )

    def append(self, batches: Sequence[SpoolBatch], now_ms: int) -> None:
        """Add batches in order, all or none, and count them."""
        with self._transaction() as db:
            for one in batches:
                self._insert(db, CONTENT_LANE, "batch", one, now_ms)
                db.execute(
                    "UPDATE totals SET batches = batches + 1, events = events + ? "
                    "WHERE boot = ? AND stream = ? AND batches = ?",
                    (one.events, one.boot, one.stream, one.number),
                )
                if db.execute("SELECT changes()").fetchone()[0] != 1:
                    raise Permanent("a batch out of order came to the spool", reason="spool_order")
                for reason, count in one.dropped.items():
                    db.execute(
                        "INSERT INTO gaps (boot, reason, count) VALUES (?, ?, ?) "
                        "ON CONFLICT DO UPDATE SET count = count + excluded.count",
                        (one.boot, reason, count),
                    )

    def say(self, kind: str, boot: bytes, record: bytes, now_ms: int) -> None:
        """Add a signed statement: ``consent`` and ``presence`` go before all content."""
        with self._transaction() as db:
            db.execute(
                "INSERT INTO records (lane, kind, boot, stream, batch, consent, created_ms, "
                "record, tombstone) VALUES (?, ?, ?, -1, -1, '', ?, ?, x'')",
                (FIRST_LANE, kind, boot, now_ms, record),
            )
            db.execute(
                "DELETE FROM records WHERE kind = 'presence' AND id NOT IN "
                "(SELECT id FROM records WHERE kind = 'presence' ORDER BY id DESC LIMIT ?)",
                (PRESENCE_KEPT,),
            )

    def end(self, boot: bytes, record: bytes, now_ms: int) -> None:
        """Add the boot end of an earlier boot; from here on it is never stated again."""
        with self._transaction() as db:
            db.execute(
                "INSERT INTO records (lane, kind, boot, stream, batch, consent, created_ms, "
                "record, tombstone) VALUES (?, 'boot_end', ?, -1, -1, '', ?, ?, x'')",
                (CONTENT_LANE, boot, now_ms, record),
            )
            db.execute("UPDATE boots SET is_ended = 1 WHERE boot = ?", (boot,))

    def finish(self, boot: bytes) -> None:
        """Note that a boot ended its last activity itself."""
        with self._transaction() as db:
            db.execute("UPDATE boots SET is_clean = 1 WHERE boot = ?", (boot,))

    # -- letting go

    def drop_opted_out(self, signer: SigningKey, now_ms: int) -> int:
        """Turn all content into signed tombstones and return how many there were.

        They go to the end of the queue under new ids: content that ship has in flight right now
        is then followed by its tombstone, which wins.
        """
        with self._transaction() as db:
            rows = db.execute(
                "SELECT id, boot, stream, batch, consent, tombstone FROM records "
                "WHERE kind = 'batch' AND dropped != 'opt_out' ORDER BY id"
            ).fetchall()
            for number, boot, stream, batch, consent, tombstone in rows:
                signed = envelope.drop(codec.decode(tombstone, Tombstone), "opt_out", signer)
                db.execute("DELETE FROM records WHERE id = ?", (number,))
                db.execute(
                    "INSERT INTO records (lane, kind, boot, stream, batch, consent, created_ms, "
                    "dropped, record, tombstone) VALUES (?, 'batch', ?, ?, ?, ?, ?, 'opt_out', ?, "
                    "x'')",
                    (CONTENT_LANE, boot, stream, batch, consent, now_ms, codec.encode(signed)),
                )
        return len(rows)

    def enforce(self, store: Store, now_ms: int) -> dict[str, int]:
        """Let go of content that is too old or too much; return how many batches by reason."""
        counts: dict[str, int] = {}
        if not self._is_due(store, now_ms):
            return counts
        with self._transaction() as db:
            for number, reason in list(victims(self._contents(), store, now_ms)):
                (tombstone,) = db.execute(
                    "SELECT tombstone FROM records WHERE id = ?", (number,)
                ).fetchone()
                left = envelope.drop(codec.decode(tombstone, Tombstone), reason)
                db.execute(
                    "UPDATE records SET dropped = ?, record = ?, tombstone = x'' WHERE id = ?",
                    (reason, codec.encode(left), number),
                )
                counts[reason] = counts.get(reason, 0) + 1
        return counts

    def checkpoint(self, *, is_emptied: bool = False) -> None:
        """Write the log into the file and wait until the disk has it; empty the log on wish."""
        mode = "TRUNCATE" if is_emptied else "FULL"
        with self._errors():
            self._db.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()

    # -- the account

    def unended(self) -> list[Boot]:
        """Return the boots that nobody has stated the end of, oldest first."""
        return [boot for boot in self.boots() if not self._is_ended(boot.boot)]

    def boots(self) -> list[Boot]:
        """Return all boots in order."""
        with self._errors():
            rows = self._db.execute(
                "SELECT b.boot, b.person, b.is_clean, i.batches, f.batches, i.events FROM boots b "
                "JOIN totals i ON i.boot = b.boot AND i.stream = 0 "
                "JOIN totals f ON f.boot = b.boot AND f.stream = 1 ORDER BY b.number"
            ).fetchall()
        return [
            Boot(boot=boot, person=person, is_clean=bool(clean), input_batches=inputs,
                 frame_batches=frames, events=events)
            for boot, person, clean, inputs, frames, events in rows
        ]  # fmt: skip

    def account(self) -> dict[str, object]:
        """Return sums over all boots: batches spooled, published and pending, events, gaps."""
        return account(self._db)

    # -- inside

    def _contents(self) -> Iterator[Content]:
        rows = self._db.execute(
            "SELECT id, stream, created_ms, length(record) + length(tombstone) FROM records "
            "WHERE kind = 'batch' AND dropped = '' ORDER BY id"
        )
        for number, stream, created_ms, size in rows:
            yield Content(id=number, stream=Stream(stream), created_ms=created_ms, size=size)

    def _is_due(self, store: Store, now_ms: int) -> bool:
        """Look cheaply whether a scan of all rows can find anything."""
        with self._errors():
            pages, free, size = (
                int(self._db.execute(f"PRAGMA {name}").fetchone()[0])
                for name in ("page_count", "freelist_count", "page_size")
            )
            oldest = self._db.execute(
                "SELECT created_ms FROM records WHERE lane = 1 AND dropped = '' ORDER BY id LIMIT 1"
            ).fetchone()
        is_old = oldest is not None and now_ms - oldest[0] > store.age_h * HOUR_MS
        return is_old or (pages - free) * size > store.cap_bytes

    def _is_ended(self, boot: bytes) -> bool:
        row = self._db.execute("SELECT is_ended FROM boots WHERE boot = ?", (boot,)).fetchone()
        return bool(row[0])

    def _insert(
        self, db: sqlite3.Connection, lane: int, kind: str, one: SpoolBatch, now_ms: int
    ) -> None:
        db.execute(
            "INSERT INTO records (lane, kind, boot, stream, batch, consent, created_ms, record, "
            "tombstone) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (lane, kind, one.boot, one.stream, one.number, one.consent, now_ms, one.record,
             one.tombstone),
        )  # fmt: skip

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._errors():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as exc:
            raise translated(exc) from exc


NAMES = {Stream.INPUT: "input", Stream.FRAME: "frame"}


def account(db: sqlite3.Connection) -> dict[str, object]:
    """Return the sums of a spool, for either process.

    ``spooled`` and ``published`` count batches of all boots by stream, ``pending`` also the
    statements that still wait; ``events`` and ``gaps`` are of input.
    """
    try:
        totals = db.execute(
            "SELECT stream, sum(batches), sum(published), sum(events) FROM totals GROUP BY stream"
        ).fetchall()
        pending = dict(db.execute("SELECT stream, count(*) FROM records GROUP BY stream"))
        gaps = dict(db.execute("SELECT reason, sum(count) FROM gaps GROUP BY reason"))
        dropped = dict(
            db.execute("SELECT dropped, count(*) FROM records WHERE dropped != '' GROUP BY dropped")
        )
    except sqlite3.Error as exc:
        raise translated(exc) from exc
    by_stream = {NAMES[Stream(stream)]: sums for stream, *sums in totals}
    return {
        "spooled": {name: sums[0] for name, sums in by_stream.items()},
        "published": {name: sums[1] for name, sums in by_stream.items()},
        "pending": {
            **{name: pending.get(stream, 0) for stream, name in NAMES.items()},
            "statements": pending.get(-1, 0),
        },
        "events_spooled": sum(sums[2] for sums in by_stream.values()),
        "gaps_spooled": gaps,
        "tombstones": dropped,
    }


def free_bytes(path: Path) -> int:
    """Return how much an unprivileged process may still write beside ``path``."""
    stat = os.statvfs(path.parent)
    return stat.f_bavail * stat.f_frsize


def total_size(paths: Iterable[Path]) -> int:
    """Return the bytes that files take; those that are not there take none."""
    return sum(p.stat().st_size for p in paths if p.exists())
