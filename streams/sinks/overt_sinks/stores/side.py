"""What a store keeps beside its objects: versions that a listing hides, uploads that never ended.

Both hold people's bytes outside of any name, so erasing and auditing must see them. obstore shows
neither; ``s3_side`` and ``folder_side`` do. A store without them has ``NO_SIDE``.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A version that a plain listing does not show: an overwritten one, or a delete marker."""

    name: str
    id: str
    size: int
    is_marker: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A multipart upload that was begun and neither completed nor aborted."""

    name: str
    id: str
    begun_ms: int


class Side(Protocol):
    """One bucket's hidden part, as one identity; errors are those of ``store.Store``."""

    def versions(self, prefix: str) -> Iterator[Version]:
        """Yield the hidden versions of every name that begins so."""
        ...

    def delete_version(self, version: Version) -> None:
        """Remove it for good; one that is gone is no error."""
        ...

    def uploads(self, prefix: str) -> Iterator[Upload]:
        """Yield the half-done uploads to every name that begins so."""
        ...

    def abort(self, upload: Upload) -> None:
        """Drop it with its bytes; one that is gone is no error."""
        ...


class _NoSide:
    def versions(self, prefix: str) -> Iterator[Version]:
        del prefix
        return iter(())

    def delete_version(self, version: Version) -> None:
        del version

    def uploads(self, prefix: str) -> Iterator[Upload]:
        del prefix
        return iter(())

    def abort(self, upload: Upload) -> None:
        del upload


NO_SIDE: Side = _NoSide()
