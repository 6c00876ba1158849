"""The object store: create, read, list. SHELL, over obstore.

One class for every backend that obstore opens (S3, a directory, memory for tests), so that one
conformance suite holds them to the same words. Nothing here overwrites or deletes. An upload is
one request, never multipart: what is half done does not exist.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit

import obstore
from obstore import exceptions, store

from overt_schemas.errors import Permanent, Refused, Transient

Backend = store.S3Store | store.LocalStore | store.MemoryStore
# One object is at most some MB: an answer that takes longer will not come.
_TIMEOUT = timedelta(seconds=20)
_CONNECT = timedelta(seconds=3)


class AlreadyExists(Permanent):
    """The name is taken. What stands there decides what to do."""


class NotFound(Permanent):
    """No object of that name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """An object as a listing shows it."""

    name: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """One identity at an S3 store."""

    access: str
    secret: str


class Store:
    """One bucket as one identity."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def create(self, name: str, data: bytes) -> None:
        """Create an object; it is durable as far as the store promises once this returns.

        Raises:
            AlreadyExists: the name is taken, perhaps by this very call's first try.
            Transient: nobody knows whether it was created; ask again.
            Refused: this identity may not.
        """
        try:
            obstore.put(self._backend, name, data, mode="create", use_multipart=False)
        except (exceptions.AlreadyExistsError, exceptions.PreconditionError) as exc:
            raise AlreadyExists("the name is taken", reason="exists") from exc
        except exceptions.BaseError as exc:
            raise _translated(exc) from exc

    def read(self, name: str) -> bytes:
        """Return a whole object."""
        try:
            return obstore.get(self._backend, name).bytes().to_bytes()
        except (exceptions.BaseError, FileNotFoundError) as exc:
            raise _translated(exc) from exc

    def read_ranges(self, name: str, starts: Sequence[int], lengths: Sequence[int]) -> list[bytes]:
        """Return the bytes of several ranges of an object, in the order asked."""
        if not starts:
            return []
        try:
            found = obstore.get_ranges(self._backend, name, starts=starts, lengths=lengths)
        except (exceptions.BaseError, FileNotFoundError) as exc:
            raise _translated(exc) from exc
        return [bytes(piece) for piece in found]

    def list(self, folder: str) -> Iterator[Listed]:
        """Yield the objects below a folder; in no promised order."""
        try:
            for page in obstore.list(self._backend, prefix=folder, chunk_size=1000):
                for item in page:
                    yield Listed(name=item["path"], size=item["size"])
        except exceptions.BaseError as exc:
            raise _translated(exc) from exc


def open_store(url: str, bucket: str, keys: Keys | None) -> Store:
    """Return a bucket of the store at ``url``: ``http(s)://`` is S3, ``file://`` a directory.

    Raises:
        Refused: another kind of URL, or S3 without keys.
    """
    parts = urlsplit(url)
    if parts.scheme == "file":
        folder = Path(unquote(parts.path)) / bucket
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return Store(store.LocalStore(folder))
    if parts.scheme not in ("http", "https") or keys is None:
        raise Refused("store url must be http(s):// with keys, or file://", reason="settings")
    backend = store.S3Store(
        bucket,
        endpoint=url,
        access_key_id=keys.access,
        secret_access_key=keys.secret,
        region="us-east-1",
        virtual_hosted_style_request=False,
        checksum_algorithm="SHA256",
        conditional_put="etag",
        client_options={
            "allow_http": parts.scheme == "http",
            "timeout": _TIMEOUT,
            "connect_timeout": _CONNECT,
        },
        # The chain tries again by itself, with a view to stopping.
        retry_config={"max_retries": 1, "retry_timeout": _CONNECT},
    )
    return Store(backend)


def _translated(exc: Exception) -> Exception:
    match exc:
        case exceptions.NotFoundError() | FileNotFoundError():
            return NotFound("no object of that name", reason="not_found")
        case exceptions.PermissionDeniedError() | exceptions.UnauthenticatedError():
            return Refused("the store refuses this identity", reason="store_refused")
        case exceptions.InvalidPathError() | exceptions.NotSupportedError():
            return Permanent("the store cannot do that", reason="store_unable")
        case _:
            return Transient("the store gives no answer", reason="store")
