"""Where the table lies: a catalog in SQL, files in a folder or a bucket. SHELL.

pyiceberg reads and writes through pyarrow; what the table no longer needs is deleted through our
own ``Store``, which also removes the versions that a bucket keeps.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import sqlalchemy as sa

from overt_schemas.errors import Refused
from overt_sinks.stores.store import Keys, Site, open_store
from overt_sinks.stores.target import target


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """An S3 store and who we are there."""

    url: str
    keys: Keys
    site: Site


class Place:
    """One warehouse."""

    def __init__(self, catalog: str, warehouse: str, remote: Remote | None) -> None:
        """Take ``file:///folder`` or ``s3://bucket/prefix``; the second needs ``remote``.

        Raises:
            Refused: no such URL.
        """
        _make_private(catalog)
        self.catalog = catalog
        self.warehouse = warehouse.rstrip("/")
        parts = urlsplit(self.warehouse)
        self._remote = remote
        path = unquote(parts.path)
        if parts.scheme == "file" and not parts.netloc and len(Path(path).parts) > 1:
            folder = Path(path)
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._store = open_store(f"file://{folder.parent}", folder.name, None)
            self._root = f"{folder}/"
        elif parts.scheme == "s3" and parts.netloc and remote is not None:
            self._store = open_store(remote.url, parts.netloc, remote.keys, remote.site)
            self._root = f"s3://{parts.netloc}/"
        else:
            raise Refused(
                "a warehouse is file:///folder, or s3://bucket/prefix beside an S3 store",
                reason="settings",
            )

    def properties(self) -> dict[str, str]:
        """Return what pyiceberg's catalog has to know."""
        known = {"uri": self.catalog, "warehouse": self.warehouse}
        known["py-io-impl"] = "pyiceberg.io.pyarrow.PyArrowFileIO"
        if self._remote is not None and self.warehouse.startswith("s3:"):
            known |= {
                "s3.endpoint": target(self._remote.url, self._remote.site, has_keys=True).endpoint,
                "s3.access-key-id": self._remote.keys.access,
                "s3.secret-access-key": self._remote.keys.secret,
                "s3.region": self._remote.site.region,
                "s3.force-virtual-addressing": str(self._remote.site.virtual_hosted),
            }
        return known

    def name(self, location: str) -> str:
        """Return a file's name in the store."""
        plain = location.removeprefix("file://")
        if not plain.startswith(self._root):
            raise Refused("a file of the table lies outside of its warehouse", reason="settings")
        return plain.removeprefix(self._root)

    def delete(self, name: str) -> None:
        """Remove a file and what a listing does not show of it; one that is gone is no error."""
        self._store.delete(name)
        self._store.purge(name)

    def files(self, io: Any, location: str) -> Iterator[tuple[str, float]]:
        """Yield name and age, as seconds since the epoch of its making, of all files below."""
        from pyarrow.fs import FileSelector, FileType

        parts = urlsplit(location)
        files = io.fs_by_scheme(parts.scheme or "file", parts.netloc)
        below = f"{parts.netloc}{parts.path}"
        for found in files.get_file_info(FileSelector(below, recursive=True, allow_not_found=True)):
            if found.type == FileType.File:
                place = f"s3://{found.path}" if parts.scheme == "s3" else found.path
                yield self.name(place), found.mtime.timestamp()


def _make_private(url: str) -> None:
    try:
        parsed = sa.make_url(url)
        parsed.get_dialect()
    except (sa.exc.ArgumentError, ImportError):
        # Not chained: the library's words may hold the password.
        raise Refused(
            "a catalog is an SQL URL: sqlite:////file or postgresql+psycopg://", reason="settings"
        ) from None
    if parsed.get_backend_name() == "sqlite" and parsed.database:
        path = Path(parsed.database)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600, exist_ok=True)
