"""What the authority lists: runs of stored records, a page at a time. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A row of the index: consecutive records of one segment, or one mark, in one object."""

    run: str
    kind: str
    device: bytes
    boot: bytes
    activity: int
    stream: int
    segment: int
    first_batch: int
    last_batch: int
    records: int
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some runs, where to go on, and whether there is more now."""

    runs: tuple[Run, ...]
    next: str
    more: bool


def run_of(row: Mapping[str, Any]) -> Run:
    """Return a row of the list; ``KeyError``, ``TypeError`` or ``ValueError`` if it is none."""
    run = Run(
        run=str(row["run"]), kind=str(row["kind"]), device=bytes.fromhex(row["device"]),
        boot=bytes.fromhex(row["boot"]), activity=int(row["activity"]), stream=int(row["stream"]),
        segment=int(row["segment"]), first_batch=int(row["first_batch"]),
        last_batch=int(row["last_batch"]), records=int(row["records"]), bytes=int(row["bytes"]),
    )  # fmt: skip
    if run.records <= 0 or run.bytes <= 0:
        raise ValueError("empty run")
    return run
