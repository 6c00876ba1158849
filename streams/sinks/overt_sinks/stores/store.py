"""The object store: create, read, list, and what the mover and the eraser do besides. SHELL.

One class for every backend that obstore opens (S3, GCS, Azure, a directory, memory for tests), so
that one conformance suite holds them to the same words. An upload is one request, never multipart:
what is half done does not exist. Rights are the store's business: a sink may put, and not delete.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import obstore
from obstore import exceptions, store

from overt_schemas.errors import OvertError, Refused
from overt_sinks.stores import backends
from overt_sinks.stores.backends import Backend
from overt_sinks.stores.environment import unheard
from overt_sinks.stores.failures import AlreadyExists, Archived, Changed, NotFound, translated
from overt_sinks.stores.folder_side import FolderSide
from overt_sinks.stores.s3_side import S3Side
from overt_sinks.stores.side import NO_SIDE, Side, Upload, Version
from overt_sinks.stores.target import Keys, Kind, Site, target

__all__ = [
    "AlreadyExists",
    "Archived",
    "Changed",
    "Head",
    "Keys",
    "Listed",
    "NotFound",
    "Site",
    "Store",
    "Upload",
    "Version",
    "open_store",
]

_ERRORS = (exceptions.BaseError, FileNotFoundError, NotImplementedError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """An object as a listing shows it."""

    name: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """An object without its bytes; ``etag`` is another whenever what stands there is another."""

    size: int
    etag: str


class Store:
    """One bucket as one identity."""

    def __init__(
        self,
        backend: Backend,
        side: Side = NO_SIDE,
        settle: Callable[[str], None] = lambda _name: None,
    ) -> None:
        """``settle`` makes sure of what was put under a name or removed, if the backend has not."""
        self.backend = backend
        self._side = side
        self._settle = settle
        self._is_folder = isinstance(backend, store.LocalStore)

    def create(self, name: str, data: bytes, storage_class: str = "") -> None:
        """Create an object; it is durable as far as the store promises once this returns.

        ``storage_class`` is the store's own word (``STANDARD_IA``, ``NEARLINE``, ``Cool``); a
        folder has none and ignores it.

        Raises:
            AlreadyExists: the name is taken, perhaps by this very call's first try.
            Transient: nobody knows whether it was created; ask again.
            Refused: this identity may not.
        """
        kept = {"Storage-Class": storage_class} if storage_class and not self._is_folder else None
        try:
            obstore.put(
                self.backend, name, data, attributes=kept, mode="create", use_multipart=False
            )
        except (exceptions.AlreadyExistsError, exceptions.PreconditionError) as exc:
            # Whoever put it may have died before it was safe, and it is about to be relied on.
            self._settle(name)
            raise AlreadyExists("the name is taken", reason="exists") from exc
        except _ERRORS as exc:
            failure = translated(exc)
            if isinstance(failure, Refused) and self._stands(name):
                raise AlreadyExists("the name is taken", reason="exists") from exc
            raise failure from exc
        self._settle(name)

    def read(self, name: str) -> bytes:
        """Return a whole object.

        Raises:
            NotFound: nothing stands there.
            Archived: it does, in a storage class that must be restored from first.
        """
        try:
            return obstore.get(self.backend, name).bytes().to_bytes()
        except _ERRORS as exc:
            raise translated(exc) from exc

    def read_ranges(self, name: str, starts: Sequence[int], lengths: Sequence[int]) -> list[bytes]:
        """Return the bytes of several ranges of an object, in the order asked."""
        if not starts:
            return []
        try:
            found = obstore.get_ranges(self.backend, name, starts=starts, lengths=lengths)
        except _ERRORS as exc:
            raise translated(exc) from exc
        return [bytes(piece) for piece in found]

    def head(self, name: str) -> Head:
        """Return size and etag of an object.

        Raises:
            NotFound: nothing stands there.
        """
        try:
            found = obstore.head(self.backend, name)
        except _ERRORS as exc:
            raise translated(exc) from exc
        return Head(size=found["size"], etag=self._etag(found["e_tag"], found["version"]))

    def replace(self, name: str, data: bytes, etag: str) -> None:
        """Put other bytes under a name, if what stands there still has that etag.

        A folder cannot make it one step: there the etag is compared, then the file is renamed over
        the old one, so a second writer between the two would be lost. One process at a time.

        Raises:
            Changed: something else stands there, or nothing; perhaps this very call's first try.
            Transient: nobody knows whether it was replaced; look, and ask again.
        """
        try:
            if self._is_folder:
                if self.head(name).etag != etag:
                    raise Changed("another object stands there", reason="changed")
                obstore.put(self.backend, name, data, mode="overwrite", use_multipart=False)
                self._settle(name)
                return
            unchanged: obstore.UpdateVersion = {"e_tag": etag, "version": etag}
            obstore.put(self.backend, name, data, mode=unchanged, use_multipart=False)
        except (exceptions.PreconditionError, exceptions.NotFoundError, NotFound) as exc:
            raise Changed("another object stands there", reason="changed") from exc
        except _ERRORS as exc:
            raise translated(exc) from exc

    def delete(self, name: str) -> None:
        """Remove an object; one that is gone already is no error. Versions may stay: ``purge``."""
        try:
            obstore.delete(self.backend, name)
        except (exceptions.NotFoundError, FileNotFoundError):
            pass
        except _ERRORS as exc:
            raise translated(exc) from exc
        self._settle(name)

    def list(self, folder: str) -> Iterator[Listed]:
        """Yield the objects below a folder; in no promised order."""
        try:
            for page in obstore.list(self.backend, prefix=folder, chunk_size=1000):
                for item in page:
                    yield Listed(name=item["path"], size=item["size"])
        except _ERRORS as exc:
            raise translated(exc) from exc

    def purge(self, name: str) -> int:
        """Remove everything of a name that a listing does not show; return how much that was.

        What stands under the name stays. Repeatable after a crash.
        """
        hidden = [version for version in self._side.versions(name) if version.name == name]
        # A marker that went first would bring back the version behind it.
        for version in sorted(hidden, key=lambda version: version.is_marker):
            self._side.delete_version(version)
        return len(hidden)

    def versions(self, folder: str) -> Iterator[Version]:
        """Yield what a listing of the folder does not show: old versions and delete markers."""
        return self._side.versions(_below(folder))

    def uploads(self, folder: str = "") -> Iterator[Upload]:
        """Yield multipart uploads below a folder that were begun and never ended."""
        return self._side.uploads(_below(folder))

    def abort(self, upload: Upload) -> None:
        """Drop a half-done upload with its bytes; one that is gone already is no error."""
        self._side.abort(upload)

    def _stands(self, name: str) -> bool:
        # Azure refuses an identity that may create and not write where something stands already.
        if not isinstance(self.backend, store.AzureStore):
            return False
        try:
            self.head(name)
        except OvertError:
            return False
        return True

    def _etag(self, e_tag: str | None, version: str | None) -> str:
        # GCS compares generations, which obstore calls versions.
        return (version if isinstance(self.backend, store.GCSStore) else e_tag) or ""


def open_store(url: str, bucket: str, keys: Keys | None, site: Site | None = None) -> Store:
    """Return a bucket of the store at ``url``; ``target`` says what URLs there are.

    Raises:
        Refused: no store's URL, or one without an identity.
    """
    place = site or Site()
    where = target(url, place, has_keys=keys is not None)
    if where.folder is not None:
        side = FolderSide(where.folder / bucket)
        return Store(backends.folder(where.folder, bucket), side, side.settle)
    is_s3 = where.kind is Kind.S3
    identity = keys or Keys(access="", secret="")  # target refused a store that needs one
    with unheard():
        backend = backends.remote(where, bucket, identity, place)
    return Store(backend, S3Side(where.endpoint, bucket, identity, place) if is_s3 else NO_SIDE)


def _below(folder: str) -> str:
    return f"{folder.rstrip('/')}/" if folder else ""
