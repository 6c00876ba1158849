"""Policies in SQL: every version ever published, by group and by hash."""

from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from overt_authority import telemetry
from overt_authority.announce import Announcer
from overt_authority.database import METADATA, Database
from overt_authority.policy import rules
from overt_schemas import codec, topics
from overt_schemas.catalogue import schema_by_id
from overt_schemas.errors import Malformed
from overt_schemas.records import Policy, PolicyRef, Signed
from overt_schemas.signing import policy_hash

POLICIES = sa.Table(
    "policies",
    METADATA,
    sa.Column("group", sa.Text, primary_key=True),
    sa.Column("version", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("hash", sa.Text, nullable=False, unique=True),
    sa.Column("framed", sa.LargeBinary, nullable=False),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A policy as it went out."""

    policy: Policy
    hash: str
    framed: bytes


def newest(db: sa.Connection, group: str) -> Published | None:
    """Return the policy in force for a group."""
    query = sa.select(POLICIES).where(POLICIES.c.group == group)
    return _first(db, query.order_by(POLICIES.c.version.desc()))


def by_hash(db: sa.Connection, name: str) -> Published | None:
    """Return the policy of that hash, in force or not."""
    return _first(db, sa.select(POLICIES).where(POLICIES.c.hash == name))


def refs(db: sa.Connection) -> tuple[PolicyRef, ...]:
    """Return the policy in force of every group."""
    last = sa.select(POLICIES.c.group, sa.func.max(POLICIES.c.version).label("version"))
    top = last.group_by(POLICIES.c.group).subquery()
    query = (
        sa.select(POLICIES.c.group, POLICIES.c.hash)
        .join(
            top,
            sa.and_(POLICIES.c.group == top.c.group, POLICIES.c.version == top.c.version),
        )
        .order_by(POLICIES.c.group)
    )
    return tuple(PolicyRef(group=row.group, policy=row.hash) for row in db.execute(query))


class PolicyFolder:
    """Files an operator reviewed, made into published versions."""

    def __init__(self, folder: Path, database: Database, announcer: Announcer) -> None:
        self._folder, self._database, self._announcer = folder, database, announcer

    def publish(self) -> None:
        """Publish what changed; a file that cannot be read leaves its group as it is."""
        for path in sorted(self._folder.glob("*.toml")):
            try:
                wanted = rules.parse(path.read_text("utf-8"))
            except (Malformed, UnicodeDecodeError, OSError) as exc:
                telemetry.policy_unreadable(getattr(exc, "reason", "file"))
                continue
            with self._database.write() as db:
                self._publish(db, wanted)

    def _publish(self, db: sa.Connection, wanted: Policy) -> None:
        known = newest(db, wanted.group)
        policy = rules.next_version(known.policy if known else None, wanted)
        if policy is None:
            return
        framed = self._announcer.promise(db, topics.CONTROL, rules.key(policy), policy)
        name = policy_hash(codec.decode(framed, Signed))
        db.execute(
            POLICIES.insert().values(
                group=policy.group, version=policy.version, hash=name, framed=framed
            )
        )
        telemetry.policy_published(policy.group, policy.version)


def _first(db: sa.Connection, query: sa.Select[tuple[str, int, str, bytes]]) -> Published | None:
    row = db.execute(query.limit(1)).first()
    if row is None:
        return None
    signed = codec.decode(row.framed, Signed)
    policy: Policy = codec.unpack_by(schema_by_id(signed.schema), signed.body)
    return Published(policy=policy, hash=row.hash, framed=row.framed)
