"""The root: what private keys are wrapped under before they touch a disk.

A wrap is self-describing bytes, ``<root key>:<rest>``; ``context`` (whose key, which) is
authenticated with it, so a wrap moved to another row does not open. Root keys live in *epochs*, one
an ISO week: once an epoch's root key is destroyed, no backup of the SQL opens what it wrapped.

Two kinds: ``FileRoot`` here (development and tests) and ``overt_authority.keys.bao``.
"""

import os
import re
import secrets
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from overt_schemas.clock import Clock
from overt_schemas.errors import Malformed, Permanent, Transient, Untrusted
from overt_schemas.ids import week_of

_IV_BYTES = 12
_NAME = re.compile(r"overt-root-\d{4}-W\d{2}")


class KeyService(Protocol):
    """Wraps and unwraps small secrets."""

    def wrap(self, secret: bytes, context: bytes) -> bytes:
        """Return ``secret`` wrapped under the root of this week."""
        ...

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """Return the secret.

        Raises:
            Untrusted: another context, changed bytes, or a root key that was destroyed.
            Transient: the service does not answer.
        """
        ...

    def check(self) -> None:
        """Return if the service answers, else raise ``Transient``."""
        ...


def root_name(wall_ms: int) -> str:
    """Return the name of the root key in force."""
    return f"overt-root-{week_of(wall_ms)}"


def split(wrapped: bytes) -> tuple[str, bytes]:
    """Return which root key a wrap names, and the rest."""
    name, separator, rest = wrapped.partition(b":")
    text = name.decode("ascii", "replace")
    if not separator or not _NAME.fullmatch(text):
        raise Malformed("a wrap names no root key", reason="wrap")
    return text, rest


class FileRoot:
    """Root keys as files of 32 bytes; for development, where nothing protects the disk."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder, self._clock = folder, clock

    def wrap(self, secret: bytes, context: bytes) -> bytes:
        """Return ``secret`` wrapped under the root of this week, made at its first use."""
        name, iv = root_name(self._clock.wall_us() // 1000), secrets.token_bytes(_IV_BYTES)
        if not self._path(name).exists():
            self._make(name)
        return name.encode() + b":" + iv + self._key(name).encrypt(iv, secret, context)

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """Return the secret."""
        name, rest = split(wrapped)
        try:
            return self._key(name).decrypt(rest[:_IV_BYTES], rest[_IV_BYTES:], context)
        except (InvalidTag, ValueError) as exc:
            raise Untrusted("a wrap does not open under its root key", reason="wrap") from exc

    def check(self) -> None:
        """Return if the folder is there."""
        if not self._folder.is_dir():
            raise Transient("the root keys are not there", reason="keys")

    def destroy(self, name: str) -> None:
        """Destroy an epoch's root key: nothing it wrapped opens again."""
        self._path(name).unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.key"

    def _make(self, name: str) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = self._folder / f".{name}.{secrets.token_hex(4)}"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(32))
            file.flush()
            os.fsync(descriptor)
        try:
            self._path(name).hardlink_to(draft)  # whole, and never over a key that is there
        except FileExistsError:
            pass
        finally:
            draft.unlink()

    def _key(self, name: str) -> AESGCM:
        try:
            return AESGCM(self._path(name).read_bytes())
        except FileNotFoundError as exc:
            raise Untrusted("the root key of that epoch is gone", reason="wrap") from exc
        except (OSError, ValueError) as exc:
            raise Permanent("a root key file cannot be read", reason="keys") from exc
