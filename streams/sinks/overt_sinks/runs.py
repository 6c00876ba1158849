"""Runs: which bytes of an object are one segment's, for the index. Pure.

A run is a stretch of neighbouring records with one segment header and batch numbers that rise by
one, or a single mark. It ends with its block, because the bytes of a run are records and nothing
else: the authority streams them as they are.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from overt_sinks.placing import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Datum:
    """One record in an object: its block, its bytes, where it belongs."""

    block: int
    byte_from: int
    byte_len: int
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A stretch of records in an object; ``first`` is the place of the first."""

    byte_from: int
    byte_len: int
    records: int
    first: Place
    last_batch: int


def runs_of(datums: Iterable[Datum]) -> tuple[Run, ...]:
    """Return the runs of an object's records, in their order."""
    runs: list[Run] = []
    before: Datum | None = None
    for datum in datums:
        if before and before.block == datum.block and datum.place.follows(before.place):
            run = runs[-1]
            runs[-1] = replace(
                run, byte_len=run.byte_len + datum.byte_len, records=run.records + 1,
                last_batch=datum.place.batch,
            )  # fmt: skip
        else:
            runs.append(_single(datum))
        before = datum
    return tuple(runs)


def _single(datum: Datum) -> Run:
    return Run(
        byte_from=datum.byte_from, byte_len=datum.byte_len, records=1,
        first=datum.place, last_batch=datum.place.batch,
    )  # fmt: skip
