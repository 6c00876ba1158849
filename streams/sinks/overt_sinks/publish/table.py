"""The Iceberg table `overt.segments`, as pyiceberg keeps it. SHELL.

    person  string   the pseudonym; "-" for what is of nobody
    day     date     the partition
    class   string   input, frame, mark
    stream  int      0 input, 1 frame, -1 neither
    tier    string   hot, warm, cold: which bucket
    object  string   the object's name in it
    byte_from, byte_len, records   long   which bytes, and how many records they are

Manifests hold no bounds but those of the day, so a pseudonym stands in data files only, and these
go with their day. Everything a publication changes, rows, prints, expired snapshots and the list of
files that are needed no more, is one commit of the catalog.
"""

import json
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from datetime import date
from itertools import pairwise
from typing import Any

import pyarrow as pa
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import (
    CommitFailedException,
    NoSuchTableError,
    TableAlreadyExistsError,
)
from pyiceberg.expressions import In
from pyiceberg.io.pyarrow import schema_to_pyarrow
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table import Table
from pyiceberg.table.update.snapshot import ExpireSnapshots
from pyiceberg.transforms import IdentityTransform
from pyiceberg.types import DateType, IntegerType, LongType, NestedField, StringType
from sqlalchemy.exc import SQLAlchemyError

from overt_schemas.errors import Refused, Transient
from overt_sinks.publish.days import COMMIT, DAY, GONE, RETIRED, Change, State, state_of
from overt_sinks.publish.place import Place
from overt_sinks.publish.source_rows import Row

NAMESPACE, NAME = "overt", "segments"
_COLUMNS = (
    ("person", StringType()), ("day", DateType()), ("class", StringType()),
    ("stream", IntegerType()), ("tier", StringType()), ("object", StringType()),
    ("byte_from", LongType()), ("byte_len", LongType()), ("records", LongType()),
)  # fmt: skip
SCHEMA = Schema(
    *(
        NestedField(field_id=n, name=name, field_type=kind, required=True)
        for n, (name, kind) in enumerate(_COLUMNS, 1)
    )
)
_ARROW = schema_to_pyarrow(SCHEMA, include_field_ids=False)
_DAYS = PartitionSpec(
    PartitionField(source_id=2, field_id=1000, transform=IdentityTransform(), name="day")
)
_SETTINGS = {
    "write.metadata.metrics.default": "none",
    "write.metadata.metrics.column.day": "full",
    # Within a file, sorted by person, these are what a reader skips by.
    "write.parquet.row-group-limit": "20000",
    # Two publications at once: the later one fails whole and looks again, it does not add its own.
    "commit.retry.num-retries": "0",
    # Days are few files each; without it every reading would open a manifest a day.
    "commit.manifest-merge.enabled": "true",
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "1",
}


class Published:
    """The table, made if it is not there."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._manifests: dict[str, set[str]] = {}
        with translated():
            self._catalog = SqlCatalog("overt", **place.properties())
            self._catalog.create_namespace_if_not_exists(NAMESPACE)
            try:
                self._table = self._catalog.load_table((NAMESPACE, NAME))
            except NoSuchTableError:
                self._table = self._create()

    def close(self) -> None:
        """Close the catalog's connections."""
        self._catalog.close()

    @property
    def state(self) -> State:
        """What is published."""
        return state_of(self._table.properties)

    @property
    def retired(self) -> list[str]:
        """Files that the last commit made needless; perhaps they are still there."""
        names: list[str] = json.loads(self._table.properties.get(RETIRED, "[]"))
        return names

    def old_snapshots(self, now_ms: int, keep_ms: int) -> list[int]:
        """Return the snapshots that were replaced longer than ``keep_ms`` ago."""
        known = sorted(self._table.metadata.snapshots, key=lambda one: one.sequence_number)
        return [
            one.snapshot_id
            for one, after in pairwise(known)
            if after.timestamp_ms <= now_ms - keep_ms
        ]

    def commit(
        self,
        wanted: State,
        change: Change,
        pages: Iterable[tuple[str, list[Row]]],
        old: Collection[int],
    ) -> None:
        """Write a change and forget old snapshots, both or nothing.

        Raises:
            Transient: somebody else committed meanwhile, or the catalog is away; look again.
        """
        known = self._snapshots(self._table.metadata)
        summary = {COMMIT: wanted.commit}
        with translated():
            tx = self._table.transaction()
            if change.drop:
                days = In("day", tuple(map(date.fromisoformat, change.drop)))
                tx.delete(days, snapshot_properties=summary)
            for day, rows in pages:
                tx.append(_arrow(day, rows), snapshot_properties=summary)
            head = tx.table_metadata.current_snapshot_id
            every = self._snapshots(tx.table_metadata)
            # What this transaction went through was never a state of the table.
            forget = every - known | (known if change.must_forget else set(old))
            touched = self._files(tx.table_metadata)
            if forget - {head}:
                ExpireSnapshots(tx).by_ids(sorted(forget - {head})).commit()
            needless = touched - self._files(tx.table_metadata)
            stale = [name for name in _prints(self.state) if name not in _prints(wanted)]
            if stale:
                tx.remove_properties(*stale)
            tx.set_properties(
                {**_prints(wanted), GONE: wanted.gone, RETIRED: json.dumps(sorted(needless))}
            )
            tx.commit_transaction()
            self._table = self._catalog.load_table((NAMESPACE, NAME))

    def live(self) -> set[str]:
        """Return the files that a reader of any snapshot may open, and the table's own."""
        metadata = self._table.metadata
        own = {self._table.metadata_location, *(one.metadata_file for one in metadata.metadata_log)}
        with translated():
            return self._files(metadata) | {self._place.name(location) for location in own}

    def files(self) -> list[tuple[str, float]]:
        """Return name and time of making, in seconds, of every file below the table's place."""
        with translated():
            return list(self._place.files(self._table.io, self._table.location()))

    def _create(self) -> Table:
        try:
            return self._catalog.create_table(
                (NAMESPACE, NAME), SCHEMA, partition_spec=_DAYS, properties=_SETTINGS
            )
        except TableAlreadyExistsError:
            return self._catalog.load_table((NAMESPACE, NAME))

    def _files(self, metadata: Any) -> set[str]:
        """Return manifest lists, manifests and data files of all snapshots."""
        found: set[str] = set()
        for snapshot in metadata.snapshots:
            found.add(self._place.name(snapshot.manifest_list))
            for manifest in snapshot.manifests(self._table.io):
                found |= self._of_manifest(manifest)
        return found

    def _of_manifest(self, manifest: Any) -> set[str]:
        path: str = manifest.manifest_path
        if path not in self._manifests:  # one never changes
            entries = manifest.fetch_manifest_entry(self._table.io, discard_deleted=True)
            data = {self._place.name(entry.data_file.file_path) for entry in entries}
            self._manifests[path] = data | {self._place.name(path)}
        return self._manifests[path]

    @staticmethod
    def _snapshots(metadata: Any) -> set[int]:
        return {snapshot.snapshot_id for snapshot in metadata.snapshots}


@contextmanager
def translated() -> Iterator[None]:
    """Turn what catalog and files raise into the product's words."""
    try:
        yield
    except CommitFailedException as exc:
        raise Transient("another publication was faster: publish again", reason="publish") from exc
    except SQLAlchemyError as exc:
        raise Transient("the catalog does not answer", reason="catalog") from exc
    except OSError as exc:
        # Arrow tells a refusal by its words alone.
        if isinstance(exc, PermissionError) or "ACCESS_DENIED" in str(exc):
            raise Refused("the warehouse refuses this identity", reason="store_refused") from exc
        raise Transient("the warehouse does not answer", reason="warehouse") from exc


def _prints(state: State) -> dict[str, str]:
    return {f"{DAY}{day}": value for day, value in state.days.items()}


def _arrow(day: str, rows: list[Row]) -> pa.Table:
    when = date.fromisoformat(day)
    return pa.table(
        [
            [row.person for row in rows], [when] * len(rows), [row.class_ for row in rows],
            [row.stream for row in rows], [row.tier for row in rows], [row.object for row in rows],
            [row.byte_from for row in rows], [row.byte_len for row in rows],
            [row.records for row in rows],
        ],
        schema=_ARROW,
    )  # fmt: skip
