"""The keys of an epoch: processors seal and sign, the authority signs.

Private halves are stored only wrapped and are forgotten when their life is over; public halves
stand in the KeySet, signed by the root. Here the root key is a file (development); an offline root
would sign the same record elsewhere.
"""

import secrets
import threading
from dataclasses import dataclass

import sqlalchemy as sa

from overt_authority import outbox, telemetry
from overt_authority.database import METADATA, Database
from overt_authority.keys.epochs import Due, due, published
from overt_authority.keys.root import KeyService
from overt_schemas import codec, hpke, topics
from overt_schemas.clock import Clock
from overt_schemas.errors import Transient
from overt_schemas.ids import day_of
from overt_schemas.records import KeyCert, KeySet, Signed
from overt_schemas.signing import AUTHORITY, PROCESSOR_SEAL, PROCESSOR_SIGN, SigningKey

EPOCH_KEYS = sa.Table(
    "epoch_keys",
    METADATA,
    sa.Column("key_id", sa.Text, primary_key=True),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("public", sa.LargeBinary, nullable=False),
    sa.Column("not_before_ms", sa.BigInteger, nullable=False),
    sa.Column("not_after_ms", sa.BigInteger, nullable=False),
    sa.Column("private_until_ms", sa.BigInteger, nullable=False),
    sa.Column("wrapped", sa.LargeBinary),
    sa.UniqueConstraint("role", "not_before_ms"),
)
KEY_SETS = sa.Table(
    "key_sets",
    METADATA,
    sa.Column("version", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("framed", sa.LargeBinary, nullable=False),
)
KEY = b"keyset"
_NAMES = {AUTHORITY: "authority", PROCESSOR_SEAL: "seal", PROCESSOR_SIGN: "sign"}


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochKey:
    """A private key on its way to a processor."""

    key_id: str
    private: bytes
    not_before_ms: int
    not_after_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Handout:
    """What a processor needs: every private seal key alive, and the newest signing key."""

    epochs: tuple[EpochKey, ...]
    signing: SigningKey


class EpochKeys:
    """Makes, keeps and forgets them; ``authority()`` gives the key that signs now."""

    def __init__(
        self, database: Database, root: KeyService, root_key: SigningKey, clock: Clock
    ) -> None:
        self._database, self._root, self._root_key, self._clock = database, root, root_key, clock
        self._rotating = threading.Lock()
        self._authority: SigningKey | None = None
        self._authority_until_ms = 0

    def rotate(self) -> None:
        """Make what is due, forget what is over, publish a new key set if one differs."""
        with self._rotating:
            now_ms = self._clock.wall_us() // 1000
            with self._database.read() as db:
                missing = due(_certs(db), now_ms)
            made = [self._make(key) for key in missing]
            with self._database.write() as db:
                if made:
                    db.execute(EPOCH_KEYS.insert(), made)
                over = db.execute(
                    EPOCH_KEYS.update()
                    .where(EPOCH_KEYS.c.private_until_ms <= now_ms)
                    .where(EPOCH_KEYS.c.wrapped.is_not(None))
                    .values(wrapped=None)
                )
                self._renew(db, now_ms)
            if made:
                self._authority = None
            if made or over.rowcount:
                telemetry.keys_rotated(len(made), over.rowcount)

    def authority(self) -> SigningKey:
        """Return the authority's signing key in force."""
        now_ms = self._clock.wall_us() // 1000
        if self._authority is None or now_ms >= self._authority_until_ms:
            key = self._newest(AUTHORITY, now_ms)
            self._authority = SigningKey(key.key_id, key.private)
            self._authority_until_ms = now_ms + 3_600_000  # a next key may have come into force
        return self._authority

    def keyset(self) -> bytes:
        """Return the newest key set, signed and framed."""
        query = sa.select(KEY_SETS.c.framed).order_by(KEY_SETS.c.version.desc()).limit(1)
        with self._database.read() as db:
            framed: bytes | None = db.execute(query).scalar()
        if framed is None:
            raise Transient("no key set yet", reason="keys")
        return framed

    def handout(self) -> Handout:
        """Return the processors' keys, unwrapped. Whoever calls has logged it.

        A key whose life is over is not among them, also while nobody has come to destroy it.
        """
        now_ms = self._clock.wall_us() // 1000
        query = (
            sa.select(EPOCH_KEYS)
            .where(EPOCH_KEYS.c.role == PROCESSOR_SEAL, EPOCH_KEYS.c.wrapped.is_not(None))
            .where(EPOCH_KEYS.c.private_until_ms > now_ms)
            .order_by(EPOCH_KEYS.c.not_before_ms)
        )
        with self._database.read() as db:
            rows = db.execute(query).all()
        signing = self._newest(PROCESSOR_SIGN, now_ms)
        return Handout(
            epochs=tuple(self._open(row) for row in rows),
            signing=SigningKey(signing.key_id, signing.private),
        )

    def _newest(self, role: str, now_ms: int) -> EpochKey:
        query = (
            sa.select(EPOCH_KEYS)
            .where(EPOCH_KEYS.c.role == role, EPOCH_KEYS.c.wrapped.is_not(None))
            .where(EPOCH_KEYS.c.not_before_ms <= now_ms)
            .order_by(EPOCH_KEYS.c.not_before_ms.desc())
            .limit(1)
        )
        with self._database.read() as db:
            row = db.execute(query).first()
        if row is None:
            raise Transient(f"no {role} key yet", reason="keys")
        return self._open(row)

    def _make(self, key: Due) -> dict[str, object]:
        day = day_of(key.not_before_ms)
        key_id = f"{_NAMES[key.role]}-{day}-{secrets.token_hex(4)}"
        private, public = _pair(key.role, key_id)
        return {
            "key_id": key_id, "role": key.role, "public": public,
            "not_before_ms": key.not_before_ms, "not_after_ms": key.not_after_ms,
            "private_until_ms": key.private_until_ms,
            "wrapped": self._root.wrap(private, _context(key.role, key_id)),
        }  # fmt: skip

    def _open(self, row: sa.Row[tuple[object, ...]]) -> EpochKey:
        return EpochKey(
            key_id=row.key_id,
            private=self._root.unwrap(row.wrapped, _context(row.role, row.key_id)),
            not_before_ms=row.not_before_ms, not_after_ms=row.not_after_ms,
        )  # fmt: skip

    def _renew(self, db: sa.Connection, now_ms: int) -> None:
        newest = db.execute(
            sa.select(KEY_SETS).order_by(KEY_SETS.c.version.desc()).limit(1)
        ).first()
        certs, version = published(_certs(db), now_ms), 0
        if newest is not None:
            version = newest.version
            if _content(newest.framed) == certs:
                return
        signed = self._root_key.sign_record(KeySet(version=version + 1, certs=certs))
        framed = codec.encode(signed)
        db.execute(KEY_SETS.insert().values(version=version + 1, framed=framed))
        outbox.put(db, topics.CONTROL, KEY, framed)


def _pair(role: str, key_id: str) -> tuple[bytes, bytes]:
    if role == PROCESSOR_SEAL:
        sealing = hpke.PrivateKey.generate()
        return sealing.to_bytes(), sealing.public_bytes()
    signing = SigningKey.generate(key_id)
    return signing.seed(), signing.public_bytes()


def _context(role: str, key_id: str) -> bytes:
    return f"overt epoch key|{role}|{key_id}".encode()


def _certs(db: sa.Connection) -> list[KeyCert]:
    return [
        KeyCert(
            key_id=row.key_id, role=row.role, public=row.public,
            not_before_ms=row.not_before_ms, not_after_ms=row.not_after_ms,
        )
        for row in db.execute(sa.select(EPOCH_KEYS))
    ]  # fmt: skip


def _content(framed: bytes) -> tuple[KeyCert, ...]:
    return codec.unpack(KeySet, codec.decode(framed, Signed).body).certs
