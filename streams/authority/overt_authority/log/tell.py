"""What was logged, told to overt.audit.v1, and how far.

The file is the log; the topic is for auditors who watch. An entry may be told twice after a crash
(its number tells). The head of what was told is kept in SQL, so that a log file that lost entries
is noticed at the next start.
"""

import threading

import sqlalchemy as sa

from overt_authority.database import METADATA, Database
from overt_authority.log.append import AuditLog
from overt_authority.log.merkle import Frontier, leaf_hash
from overt_authority.publish import Outgoing, Publisher
from overt_schemas import codec, topics
from overt_schemas.records import AuditEntry

TOLD = sa.Table(
    "log_told",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("peaks", sa.JSON, nullable=False),
)
_BATCH = 500
_ROW = 1


def told(database: Database) -> Frontier:
    """Return the tree of what was published."""
    with database.read() as db:
        row = db.execute(sa.select(TOLD)).first()
    if row is None:
        return Frontier()
    return Frontier(size=row.size, peaks=tuple(bytes.fromhex(peak) for peak in row.peaks))


class Teller:
    """Publishes entries behind the log."""

    def __init__(self, database: Database, log: AuditLog, publisher: Publisher) -> None:
        self._database, self._log, self._publisher = database, log, publisher
        self._telling = threading.Lock()

    def open_log(self) -> None:
        """Open the log, checked against what was told of it."""
        known = told(self._database)
        self._log.open(known.size, known.root())

    def tell(self) -> None:
        """Return once everything flushed so far is published."""
        with self._telling:
            frontier = told(self._database)
            while bodies := self._log.bodies(frontier.size, frontier.size + _BATCH):
                self._publisher.publish([_outgoing(body) for body in bodies])
                for body in bodies:
                    frontier = frontier.append(leaf_hash(body))
                self._keep(frontier)

    def _keep(self, frontier: Frontier) -> None:
        with self._database.write() as db:
            db.execute(TOLD.delete())
            db.execute(
                TOLD.insert().values(
                    id=_ROW, size=frontier.size,
                    peaks=[peak.hex() for peak in frontier.peaks],
                )
            )  # fmt: skip


def _outgoing(body: bytes) -> Outgoing:
    value = codec.encode(codec.unpack(AuditEntry, body))
    return Outgoing(topic=topics.AUDIT, key=None, value=value)
