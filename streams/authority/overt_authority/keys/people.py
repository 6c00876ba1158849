"""A key pair for each person and ISO week; private halves are stored only wrapped.

``ensure`` makes this week's and the next one's. A row of a destroyed key stays, without its bytes,
so that nothing makes the same week anew.
"""

import secrets
from collections.abc import Iterable

import sqlalchemy as sa

from overt_authority.database import METADATA
from overt_authority.keys.root import KeyService
from overt_schemas import hpke
from overt_schemas.errors import Refused
from overt_schemas.ids import week_of
from overt_schemas.records import PersonKey

PERSON_KEYS = sa.Table(
    "person_keys",
    METADATA,
    sa.Column("person", sa.Text, primary_key=True),
    sa.Column("week", sa.Text, primary_key=True),
    sa.Column("key_id", sa.Text, nullable=False, unique=True),
    sa.Column("public", sa.LargeBinary, nullable=False),
    sa.Column("wrapped", sa.LargeBinary),
)
_WEEK_MS = 7 * 24 * 3_600_000


def weeks_due(known: Iterable[str], now_ms: int) -> list[str]:
    """Return this week and the next one, as far as they have no key. Pure."""
    have = set(known)
    return [week for week in (week_of(now_ms), week_of(now_ms + _WEEK_MS)) if week not in have]


def make(root: KeyService, person: str, weeks: Iterable[str]) -> list[dict[str, object]]:
    """Return rows with new keys; asks the root, so do it outside a transaction."""
    rows: list[dict[str, object]] = []
    for week in weeks:
        key_id, pair = f"{person}-{week}-{secrets.token_hex(4)}", hpke.PrivateKey.generate()
        rows.append({
            "person": person, "week": week, "key_id": key_id, "public": pair.public_bytes(),
            "wrapped": root.wrap(pair.to_bytes(), _context(person, key_id)),
        })  # fmt: skip
    return rows


def keep(db: sa.Connection, rows: list[dict[str, object]]) -> bool:
    """Store new keys; a week that has one keeps it. Return whether any was new."""
    is_new = False
    for row in rows:
        where = (PERSON_KEYS.c.person == row["person"], PERSON_KEYS.c.week == row["week"])
        if db.execute(sa.select(PERSON_KEYS.c.key_id).where(*where)).first() is None:
            db.execute(PERSON_KEYS.insert().values(row))
            is_new = True
    return is_new


def public(db: sa.Connection, person: str) -> tuple[PersonKey, ...]:
    """Return the person's public keys, oldest first."""
    query = (
        sa.select(PERSON_KEYS)
        .where(PERSON_KEYS.c.person == person, PERSON_KEYS.c.wrapped.is_not(None))
        .order_by(PERSON_KEYS.c.week)
    )
    return tuple(
        PersonKey(key_id=row.key_id, week=row.week, public=row.public) for row in db.execute(query)
    )


def wrapped(db: sa.Connection, person: str, key_id: str) -> bytes:
    """Return a person's private key as it is stored.

    Raises:
        Refused: there is none of that id, it is another person's, or it was destroyed.
    """
    query = sa.select(PERSON_KEYS.c.wrapped).where(
        PERSON_KEYS.c.person == person, PERSON_KEYS.c.key_id == key_id
    )
    stored: bytes | None = db.execute(query).scalar()
    if stored is None:
        raise Refused("no such key", reason="no_key")
    return stored


def unwrap(root: KeyService, person: str, key_id: str, stored: bytes) -> hpke.PrivateKey:
    """Return the private key. Whoever calls has logged it."""
    return hpke.PrivateKey.from_bytes(root.unwrap(stored, _context(person, key_id)))


def _context(person: str, key_id: str) -> bytes:
    return f"overt person key|{person}|{key_id}".encode()
