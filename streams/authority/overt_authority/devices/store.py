"""Devices and their enrolment tokens in SQL, and the record on overt.device.v1.

Of a token only the hash is kept. It is good for one pair of keys: asking again with the same token,
signing key and transport key gives the same device (an answer may be lost on its way), any other
key is refused.
"""

import hashlib
import secrets

import sqlalchemy as sa

from overt_authority.announce import Announcer
from overt_authority.database import METADATA
from overt_authority.devices import rules
from overt_schemas import api, topics
from overt_schemas.errors import Refused
from overt_schemas.records import Device, PauseSpan, SealSpan

DEVICES = sa.Table(
    "devices",
    METADATA,
    sa.Column("device", sa.Text, primary_key=True),
    sa.Column("group", sa.Text, nullable=False, index=True),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("signing_key", sa.LargeBinary, nullable=False, unique=True),
    sa.Column("transport_key", sa.LargeBinary, nullable=False),
    sa.Column("tag_secret", sa.LargeBinary, nullable=False),
    sa.Column("spans", sa.JSON, nullable=False),
    sa.Column("pauses", sa.JSON, nullable=False),
    sa.Column("is_stopped", sa.Boolean, nullable=False, index=True),
)
TOKENS = sa.Table(
    "tokens",
    METADATA,
    sa.Column("hash", sa.LargeBinary, primary_key=True),
    sa.Column("group", sa.Text, nullable=False),
    sa.Column("until_ms", sa.BigInteger, nullable=False),
    sa.Column("device", sa.Text),
)


def new_tokens(db: sa.Connection, group: str, count: int, now_ms: int) -> list[str]:
    """Return fresh tokens; they cannot be read again."""
    tokens = [secrets.token_urlsafe(24) for _ in range(count)]
    until = now_ms + rules.TOKEN_LIFE_MS
    db.execute(TOKENS.delete().where(TOKENS.c.until_ms < now_ms - rules.TOKEN_LIFE_MS))
    db.execute(
        TOKENS.insert(),
        [{"hash": _hash(token), "group": group, "until_ms": until} for token in tokens],
    )
    return tokens


def open_token(db: sa.Connection, token: str, now_ms: int) -> tuple[str, str | None]:
    """Return the token's group, and the device it was used for.

    Raises:
        Refused: unknown or too old.
    """
    row = db.execute(sa.select(TOKENS).where(TOKENS.c.hash == _hash(token))).first()
    if row is None or now_ms >= row.until_ms:
        raise Refused("unknown or used token: ask an operator for a new one", reason=api.BAD_TOKEN)
    return row.group, row.device


def use_token(db: sa.Connection, token: str, device: bytes) -> None:
    """Bind a token to the device enrolled with it."""
    db.execute(TOKENS.update().where(TOKENS.c.hash == _hash(token)).values(device=device.hex()))


def add(db: sa.Connection, device: Device, transport_key: bytes) -> None:
    """Add a device with a new tag secret; ``announce`` makes the record."""
    db.execute(
        DEVICES.insert().values(
            device=device.device.hex(), group=device.group, version=device.version,
            state=device.state, signing_key=device.signing_key, transport_key=transport_key,
            tag_secret=secrets.token_bytes(32), spans=_spans(device), pauses=_pauses(device),
            is_stopped=rules.is_stopped(device),
        )
    )  # fmt: skip


def change(db: sa.Connection, device: Device) -> None:
    """Store a device's state, spans and pauses."""
    db.execute(
        DEVICES.update()
        .where(DEVICES.c.device == device.device.hex())
        .values(
            state=device.state, spans=_spans(device), pauses=_pauses(device),
            is_stopped=rules.is_stopped(device),
        )
    )  # fmt: skip


def find(db: sa.Connection, device: bytes) -> Device | None:
    """Return the device's record as it stands."""
    row = db.execute(sa.select(DEVICES).where(DEVICES.c.device == device.hex())).first()
    return None if row is None else _device(row)


def secret_of(db: sa.Connection, device: bytes, transport_key: bytes | None = None) -> bytes | None:
    """Return a device's tag secret, if it has that transport key."""
    query = sa.select(DEVICES.c.tag_secret).where(DEVICES.c.device == device.hex())
    if transport_key is not None:
        query = query.where(DEVICES.c.transport_key == transport_key)
    return db.execute(query).scalar()


def stopped(db: sa.Connection) -> list[tuple[str, bytes]]:
    """Return group and tag secret of every device that may not capture."""
    query = sa.select(DEVICES.c.group, DEVICES.c.tag_secret).where(DEVICES.c.is_stopped)
    return [(row.group, row.tag_secret) for row in db.execute(query)]


def in_group(db: sa.Connection, group: str) -> list[Device]:
    """Return the devices of a group."""
    return [_device(row) for row in db.execute(sa.select(DEVICES).where(DEVICES.c.group == group))]


def announce(db: sa.Connection, announcer: Announcer, device: bytes) -> None:
    """Promise the device's record to its topic, under the next version."""
    where = DEVICES.c.device == device.hex()
    db.execute(DEVICES.update().where(where).values(version=DEVICES.c.version + 1))
    record = find(db, device)
    if record is not None:
        announcer.promise(db, topics.DEVICE, device, record)


def _hash(token: str) -> bytes:
    return hashlib.sha256(b"overt enrolment token v1" + token.encode()).digest()


def _spans(device: Device) -> list[list[object]]:
    return [[span.person, span.from_ms, span.to_ms] for span in device.spans]


def _pauses(device: Device) -> list[list[int]]:
    return [[span.from_ms, span.to_ms] for span in device.pauses]


def _device(row: sa.Row[tuple[object, ...]]) -> Device:
    return Device(
        device=bytes.fromhex(row.device), group=row.group, version=row.version, state=row.state,
        signing_key=row.signing_key,
        spans=tuple(SealSpan(person=p, from_ms=a, to_ms=b) for p, a, b in row.spans),
        pauses=tuple(PauseSpan(from_ms=a, to_ms=b) for a, b in row.pauses),
    )  # fmt: skip
