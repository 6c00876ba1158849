"""People in SQL, by pseudonym, and their record on overt.person.v1."""

import sqlalchemy as sa

from overt_authority import telemetry
from overt_authority.announce import Announcer
from overt_authority.database import METADATA, Database
from overt_authority.keys import people as keys
from overt_authority.keys.root import KeyService
from overt_authority.people.rules import ACTIVE
from overt_schemas import topics
from overt_schemas.clock import Clock
from overt_schemas.records import ConsentSpan, Person

PEOPLE = sa.Table(
    "people",
    METADATA,
    sa.Column("person", sa.Text, primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
)
SPANS = sa.Table(
    "consent_spans",
    METADATA,
    sa.Column("device", sa.Text, primary_key=True),
    sa.Column("consent", sa.Text, primary_key=True),
    sa.Column("person", sa.Text, nullable=False, index=True),
    sa.Column("policy", sa.Text, nullable=False),
    sa.Column("purposes", sa.JSON, nullable=False),
    sa.Column("from_ms", sa.BigInteger, nullable=False),
    sa.Column("to_ms", sa.BigInteger, nullable=False),
)


def add(db: sa.Connection, person: str) -> None:
    """Add an active person; ``announce`` makes the record."""
    db.execute(PEOPLE.insert().values(person=person, version=0, state=ACTIVE))


def find(db: sa.Connection, person: str) -> Person | None:
    """Return the person's record as it stands."""
    row = db.execute(sa.select(PEOPLE).where(PEOPLE.c.person == person)).first()
    if row is None:
        return None
    return Person(
        person=person, version=row.version, state=row.state, keys=keys.public(db, person),
        consents=spans(db, person),
    )  # fmt: skip


def spans(db: sa.Connection, person: str) -> tuple[ConsentSpan, ...]:
    """Return the person's consent spans, oldest first."""
    query = (
        sa.select(SPANS).where(SPANS.c.person == person).order_by(SPANS.c.from_ms, SPANS.c.consent)
    )
    return tuple(
        ConsentSpan(
            consent=row.consent, device=bytes.fromhex(row.device), policy=row.policy,
            purposes=tuple(row.purposes), from_ms=row.from_ms, to_ms=row.to_ms,
        )
        for row in db.execute(query)
    )  # fmt: skip


def agreed(db: sa.Connection, device: bytes, consent: str) -> str | None:
    """Return who agreed to that consent on that device, ended since or not."""
    query = sa.select(SPANS.c.person).where(
        SPANS.c.device == device.hex(), SPANS.c.consent == consent
    )
    person: str | None = db.execute(query).scalar()
    return person


def keep_span(db: sa.Connection, person: str, span: ConsentSpan) -> None:
    """Store a span, new or changed."""
    device = span.device.hex()
    db.execute(SPANS.delete().where(SPANS.c.device == device, SPANS.c.consent == span.consent))
    db.execute(
        SPANS.insert().values(
            consent=span.consent, person=person, device=device, policy=span.policy,
            purposes=list(span.purposes), from_ms=span.from_ms, to_ms=span.to_ms,
        )
    )  # fmt: skip


def announce(db: sa.Connection, announcer: Announcer, person: str) -> None:
    """Promise the person's record to its topic, under the next version."""
    db.execute(
        PEOPLE.update().where(PEOPLE.c.person == person).values(version=PEOPLE.c.version + 1)
    )
    record = find(db, person)
    if record is not None:
        announcer.promise(db, topics.PERSON, person.encode(), record)


class WeekKeys:
    """Gives everybody the keys of this week and the next."""

    def __init__(
        self, database: Database, root: KeyService, announcer: Announcer, clock: Clock
    ) -> None:
        self._database, self._root, self._clock = database, root, clock
        self._announcer = announcer

    def make(self, person: str, known: set[str]) -> list[dict[str, object]]:
        """Return the rows a person lacks; asks the root."""
        weeks = keys.weeks_due(known, self._clock.wall_us() // 1000)
        return keys.make(self._root, person, weeks)

    def renew(self) -> None:
        """Make what active people lack and announce them; one transaction each."""
        done = 0
        for person, known in self._weeks().items():
            if rows := self.make(person, known):
                with self._database.write() as db:
                    if keys.keep(db, rows):
                        announce(db, self._announcer, person)
                        done += 1
        if done:
            telemetry.people_keyed(done)

    def _weeks(self) -> dict[str, set[str]]:
        query = (
            sa.select(PEOPLE.c.person, keys.PERSON_KEYS.c.week)
            .join_from(
                PEOPLE,
                keys.PERSON_KEYS,
                PEOPLE.c.person == keys.PERSON_KEYS.c.person,
                isouter=True,
            )
            .where(PEOPLE.c.state == ACTIVE)
        )
        weeks: dict[str, set[str]] = {}
        with self._database.read() as db:
            for row in db.execute(query):
                weeks.setdefault(row.person, set()).update([row.week] if row.week else [])
        return weeks
