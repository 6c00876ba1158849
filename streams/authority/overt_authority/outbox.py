"""Say to Kafka what SQL says, whatever crashes in between.

A registry record and its outbox row are one transaction; ``flush`` publishes rows in order,
acknowledged, and removes them. The caller answers its client only after ``flush`` returned. What a
crash leaves behind is published at the next start: a record may come twice, never not at all.
"""

import threading

import sqlalchemy as sa

from overt_authority.database import METADATA, Database
from overt_authority.publish import Outgoing, Publisher
from overt_schemas.errors import Transient

OUTBOX = sa.Table(
    "outbox",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("topic", sa.Text, nullable=False),
    sa.Column("key", sa.LargeBinary, nullable=False),
    sa.Column("value", sa.LargeBinary, nullable=False),
    sqlite_autoincrement=True,  # ids never come again, so removing by id is safe
)
_BATCH = 500
_BATCH_BYTES = 16 * 1_048_576  # a producer holds 64 MB and refuses what is more, again and again
_PATIENCE_S = 5.0


def put(db: sa.Connection, topic: str, key: bytes, value: bytes) -> None:
    """Promise a record within the caller's transaction."""
    db.execute(OUTBOX.insert().values(topic=topic, key=key, value=value))


def is_promised(db: sa.Connection, topic: str, key: bytes) -> bool:
    """Return whether a record of that key is not published yet."""
    query = sa.select(OUTBOX.c.id).where(OUTBOX.c.topic == topic, OUTBOX.c.key == key)
    return db.execute(query.limit(1)).first() is not None


class Outbox:
    """The one who empties it."""

    def __init__(self, database: Database, publisher: Publisher) -> None:
        self._database, self._publisher = database, publisher
        self._flushing = threading.Lock()

    def flush(self) -> None:
        """Return once nothing is promised and not yet published.

        Raises:
            Transient: the brokers or the database do not answer; the rows stay.
        """
        # Others wait behind dead brokers too: not so long that no worker is left for readers.
        if not self._flushing.acquire(timeout=_PATIENCE_S):
            raise Transient("brokers do not acknowledge", reason="kafka")
        try:
            while rows := self._next():
                self._publisher.publish(
                    [Outgoing(topic=row.topic, key=row.key, value=row.value) for row in rows]
                )
                with self._database.write() as db:
                    db.execute(OUTBOX.delete().where(OUTBOX.c.id.in_([row.id for row in rows])))
        finally:
            self._flushing.release()

    def _next(self) -> list[sa.Row[tuple[int, str, bytes, bytes]]]:
        query = sa.select(OUTBOX).order_by(OUTBOX.c.id).limit(_BATCH)
        rows: list[sa.Row[tuple[int, str, bytes, bytes]]] = []
        size = 0
        with self._database.read() as db:
            for row in db.execute(query):
                size += len(row.value)
                if rows and size > _BATCH_BYTES:
                    break
                rows.append(row)
        return rows
