"""Wrapping a 32-byte key to a public key: HPKE base mode (RFC 9180), post-quantum hybrid KEM.

Suite: ML-KEM-768 + X25519, HKDF-SHA256, AES-256-GCM, from ``cryptography``. ``info`` binds a wrap
to its context (base mode has no additional data of its own) and is always the hash of the header
the wrap belongs to. Public keys are 1216 bytes (ML-KEM 1184, X25519 32), private ones 96 (seed 64,
X25519 32), a wrap of 32 bytes is 1168.
"""

from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric import mlkem, x25519

from overt_schemas.errors import Malformed, Untrusted

PUBLIC_BYTES = 1216
PRIVATE_BYTES = 96
KEY_BYTES = 32
_MLKEM_PUBLIC = 1184
_MLKEM_SEED = 64
_SUITE = hpke.Suite(
    hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM
)  # fmt: skip


class PrivateKey:
    """A key that opens wraps. Keep it out of logs: it has no useful ``repr``."""

    __slots__ = ("_key", "_mlkem", "_x25519")

    def __init__(self, mlkem_key: mlkem.MLKEM768PrivateKey, x_key: x25519.X25519PrivateKey) -> None:
        self._mlkem, self._x25519 = mlkem_key, x_key
        self._key = hpke.MLKEM768X25519PrivateKey(mlkem_key, x_key)

    @classmethod
    def generate(cls) -> "PrivateKey":
        """Return a new random key."""
        return cls(mlkem.MLKEM768PrivateKey.generate(), x25519.X25519PrivateKey.generate())

    @classmethod
    def from_bytes(cls, data: bytes) -> "PrivateKey":
        """Return the key whose ``to_bytes`` gave ``data``."""
        if len(data) != PRIVATE_BYTES:
            raise Malformed("private key has the wrong length")
        seed, raw = data[:_MLKEM_SEED], data[_MLKEM_SEED:]
        return cls(
            mlkem.MLKEM768PrivateKey.from_seed_bytes(seed),
            x25519.X25519PrivateKey.from_private_bytes(raw),
        )

    def to_bytes(self) -> bytes:
        """Return 96 secret bytes; only ever stored wrapped by a root key."""
        return self._mlkem.private_bytes_raw() + self._x25519.private_bytes_raw()

    def public_bytes(self) -> bytes:
        """Return the 1216 bytes others wrap to."""
        x_public = self._x25519.public_key().public_bytes_raw()
        return self._mlkem.public_key().public_bytes_raw() + x_public

    def unwrap(self, wrapped: bytes, info: bytes) -> bytes:
        """Return the wrapped key.

        Raises:
            Untrusted: another key, another ``info``, or changed bytes.
        """
        try:
            return _SUITE.decrypt(wrapped, self._key, info)
        except (InvalidTag, ValueError) as exc:
            raise Untrusted("wrap does not open under this key", reason="wrap") from exc


def wrap(key: bytes, public: bytes, info: bytes) -> bytes:
    """Return ``key`` wrapped to the holder of ``public`` (1216 bytes), bound to ``info``."""
    if len(public) != PUBLIC_BYTES:
        raise Malformed("public key has the wrong length")
    try:
        return _SUITE.encrypt(key, _target(public), info)
    except ValueError as exc:  # also raised by encrypt: an X25519 point of low order
        raise Malformed("not a public key of this suite") from exc


# A processor wraps to the same people every ten seconds, and reading a key is a third of a wrap.
@lru_cache(maxsize=4096)
def _target(public: bytes) -> hpke.MLKEM768X25519PublicKey:
    return hpke.MLKEM768X25519PublicKey(
        mlkem.MLKEM768PublicKey.from_public_bytes(public[:_MLKEM_PUBLIC]),
        x25519.X25519PublicKey.from_public_bytes(public[_MLKEM_PUBLIC:]),
    )
