"""An authority in memory whose runs are moved, erased or blanked between any two calls.

``script`` maps the number of a call (listings and readings together, from 0) to what happens right
before it. Moved runs lose their old names at once: the grace is over for every reader.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

from overt_schemas import api, codec
from overt_schemas.errors import Refused
from overt_schemas.records import StoredPart
from overt_subscriber.runs import Page, Run
from tests.subscriber.authority_twin import MemoryAuthority, Row


@dataclass
class Moving(MemoryAuthority):
    """The index by ``seen``: rows that stand now."""

    script: Mapping[int, Callable[["Moving"], object]] = field(default_factory=dict)
    calls: int = 0
    moves: int = 0
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.standing = {row.run: (seen, row) for seen, row in enumerate(self.rows, 1)}

    def add(self, row: Row) -> None:
        highest = max((seen for seen, _ in self.standing.values()), default=0)
        self.standing[row.run] = (highest + 1, row)

    def move(self, most: int = 3) -> None:
        """Take runs of one segment together, in order of their batches, as a mover does."""
        self.moves += 1
        key = lambda item: (*_place(item[1]), item[1].first_batch)  # noqa: E731
        standing, self.standing = sorted(self.standing.values(), key=key), {}
        for _, own in groupby(standing, key=lambda item: _place(item[1])):
            held: list[tuple[int, Row]] = []
            for item in [*own, None]:
                joins = (
                    item is not None
                    and bool(held)
                    and len(held) < most
                    and held[-1][1].last_batch + 1 == item[1].first_batch
                    and item[1].first_batch >= 0
                )
                if held and not joins:
                    seen, row = _merged(held, f"m{self.moves}-{len(self.standing)}")
                    self.standing[row.run] = (seen, row)
                    held = []
                if item is not None:
                    held.append(item)

    def erase(self, device: str) -> None:
        """Take the rows of a device away."""
        self.standing = {n: i for n, i in self.standing.items() if i[1].device != device}

    def blank(self, names: Sequence[str]) -> None:
        """Make zeros of records where they lie; their rows are still there."""
        for name in names:
            seen, row = self.standing[name]
            self.standing[name] = (seen, replace(row, data=blanked(row.data, row.records)))

    def segments(self, grant: str, after: str, limit: int) -> Page:
        self._called("list")
        rows = sorted(self.standing.values(), key=lambda item: item[0])
        rows = [item for item in rows if item[0] > int(after or "0")]
        page = rows[: self.page]
        runs = tuple(_run(row) for _, row in page)
        last = page[-1][0] if page else int(after or "0")
        return Page(runs=runs, next=str(last), more=len(rows) > len(page))

    def read(self, grant: str, runs: Sequence[Run]) -> bytes:
        self._called("read")
        if any(run.run not in self.standing for run in runs):
            raise Refused("the authority refuses", reason=api.OUT_OF_SCOPE)
        return b"".join(self.standing[run.run][1].data for run in runs)

    def _called(self, what: str) -> None:
        number, self.calls = self.calls, self.calls + 1
        self.asked.append(what)
        if (happens := self.script.get(number)) is not None:
            happens(self)


def blanked(data: bytes, records: int) -> bytes:
    """The records with every byte of theirs zero but what says how long they are."""
    out, at, view = bytearray(), 0, memoryview(data)
    for _ in range(records):
        record, at = codec.unpack_at(StoredPart, view, at)
        headers = tuple(replace(h, value=bytes(len(h.value))) for h in record.headers)
        out += codec.pack(
            replace(
                record, append_ms=_least(record.append_ms), key=bytes(len(record.key)),
                headers=headers, schema_id=0, value=bytes(len(record.value)),
            )
        )  # fmt: skip
    return bytes(out)


def _least(number: int) -> int:
    """The smallest number of as many bytes as Avro needs for this one."""
    size = max(1, -(-(number << 1).bit_length() // 7))
    return (1 << 7 * (size - 1)) >> 1 if size > 1 else 0


def _place(row: Row) -> tuple[Any, ...]:
    return (row.kind, row.device, row.boot, row.stream, row.activity, row.segment)


def _merged(held: Sequence[tuple[int, Row]], name: str) -> tuple[int, Row]:
    rows = [row for _, row in held]
    row = replace(
        rows[0], run=name, last_batch=rows[-1].last_batch,
        records=sum(row.records for row in rows), data=b"".join(row.data for row in rows),
    )  # fmt: skip
    return max(seen for seen, _ in held), row


def _run(row: Row) -> Run:
    return Run(
        run=row.run, kind=row.kind, device=bytes.fromhex(row.device),
        boot=bytes.fromhex(row.boot), activity=row.activity, stream=row.stream,
        segment=row.segment, first_batch=row.first_batch, last_batch=row.last_batch,
        records=row.records, bytes=len(row.data),
    )  # fmt: skip
