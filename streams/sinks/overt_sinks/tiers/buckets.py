"""The three buckets as one identity sees them, and what is done to a name in them. SHELL."""

from collections.abc import Iterator, Mapping
from typing import Protocol

from overt_schemas.errors import Refused, Transient
from overt_sinks import settings
from overt_sinks.index import HOT
from overt_sinks.settings import Settings
from overt_sinks.stores.store import AlreadyExists, Head, Listed, NotFound, open_store
from overt_sinks.tiers.naming import COLD, WARM

_TRIES = 8  # of two that take a name from each other


class Bucket(Protocol):
    """What mover and eraser need of a store; ``store.Store`` is one."""

    def create(self, name: str, data: bytes, storage_class: str = "") -> None:
        """Create an object, or raise ``AlreadyExists``."""
        ...

    def read(self, name: str) -> bytes:
        """Return an object, or raise ``NotFound``."""
        ...

    def read_ranges(self, name: str, starts: list[int], lengths: list[int]) -> list[bytes]:
        """Return ranges of an object."""
        ...

    def head(self, name: str) -> Head:
        """Return size and etag."""
        ...

    def replace(self, name: str, data: bytes, etag: str) -> None:
        """Put other bytes in place of those with that etag, or raise ``Changed``."""
        ...

    def delete(self, name: str) -> None:
        """Remove an object, or find it gone."""
        ...

    def purge(self, name: str) -> int:
        """Remove the hidden versions of a name."""
        ...

    def list(self, folder: str) -> Iterator[Listed]:
        """Yield the objects below a folder."""
        ...


Buckets = Mapping[str, Bucket]


def open_buckets(config: Settings) -> Buckets:
    """Return the buckets of all three tiers.

    Raises:
        Refused: the settings do not name them.
    """
    store = config.store
    if not store.warm or not store.cold:
        raise Refused("name store.warm and store.cold: tiers are buckets", reason="settings")
    keys, site = settings.store_keys(store), settings.site(store)
    named = {HOT: store.hot, WARM: store.warm, COLD: store.cold}
    return {tier: open_store(store.url, bucket, keys, site) for tier, bucket in named.items()}


def remove(bucket: Bucket, name: str) -> None:
    """Remove an object with all its versions; one that is gone is no error."""
    bucket.delete(name)
    bucket.purge(name)


def block(bucket: Bucket, name: str) -> None:
    """Take a name with an empty object, whatever stands there, so that nobody can create it.

    Raises:
        Transient: somebody else keeps taking the name.
    """
    for _ in range(_TRIES):
        try:
            bucket.create(name, b"")
        except AlreadyExists:
            if not _holds_bytes(bucket, name):
                return
            remove(bucket, name)
        else:
            return
    raise Transient("a name is taken again and again", reason="store")


def _holds_bytes(bucket: Bucket, name: str) -> bool:
    try:
        return bucket.head(name).size > 0
    except NotFound:
        return True  # try to create it once more
