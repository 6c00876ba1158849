"""The latest presence of each device in SQL."""

import sqlalchemy as sa

from overt_authority.database import METADATA
from overt_authority.devices.store import DEVICES
from overt_schemas import codec
from overt_schemas.records import Presence

PRESENCE = sa.Table(
    "presence",
    METADATA,
    sa.Column("device", sa.Text, primary_key=True),
    sa.Column("packed", sa.LargeBinary, nullable=False),
)


def find(db: sa.Connection, device: bytes) -> Presence | None:
    """Return the latest word of a device."""
    query = sa.select(PRESENCE.c.packed).where(PRESENCE.c.device == device.hex())
    packed = db.execute(query).scalar()
    return None if packed is None else codec.unpack(Presence, packed)


def keep(db: sa.Connection, said: Presence) -> None:
    """Store what a device said last."""
    db.execute(PRESENCE.delete().where(PRESENCE.c.device == said.device.hex()))
    db.execute(PRESENCE.insert().values(device=said.device.hex(), packed=codec.pack(said)))


def of_group(db: sa.Connection, group: str) -> list[Presence | None]:
    """Return the latest word of every device of a group, None where there was none."""
    query = (
        sa.select(PRESENCE.c.packed)
        .select_from(DEVICES)
        .join(PRESENCE, PRESENCE.c.device == DEVICES.c.device, isouter=True)
        .where(DEVICES.c.group == group)
    )
    rows = db.execute(query).scalars().all()
    return [None if packed is None else codec.unpack(Presence, packed) for packed in rows]
