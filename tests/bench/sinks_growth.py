"""How plan and verify grow with what is stored: 10^4, 10^5, 10^6 valid parts in a directory.

Every person has a thousand parts, in turn with everybody else's, so a reading of ten people is the
same ten thousand parts however many there are. Parts are small: what is measured is their number.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from overt_authority.grants.index import Index as Reading
from overt_schemas import codec
from overt_schemas.envelope import part as sealing
from overt_schemas.ids import Stream
from overt_schemas.records import Part
from overt_sinks import container
from overt_sinks.audit.report import Report
from overt_sinks.audit.verify import check
from overt_sinks.index import Index
from overt_sinks.intake import take
from overt_sinks.naming import Partition
from overt_sinks.stores.store import Store, open_store
from overt_sinks.testing import ScriptedMessage

_OF_PERSON, _READ_PEOPLE, _OBJECT = 1000, 10, 2000
_SEGMENT, _PARTITIONS = 60, 4
_DAY, _PAGE = "2026-11-20", 1000


@dataclass(slots=True)
class Hoard:
    """Stored parts that only become more."""

    folder: Path
    index: Index
    bucket: Store
    stored: int = 0

    @classmethod
    def empty(cls, folder: Path) -> "Hoard":
        """Make a store and an index with nothing in it."""
        (folder / "hot").mkdir(mode=0o700, parents=True)
        index = Index(f"sqlite:///{folder / 'index.db'}")
        index.create()
        return cls(folder, index, open_store(f"file://{folder}", "hot", None))

    def grow(self, to: int) -> None:
        """Store parts until there are so many: of new people, all of them in turn."""
        more = to - self.stored
        people = range(self.stored // _OF_PERSON, to // _OF_PERSON)
        per_chain = more // _PARTITIONS
        first = self.stored // _PARTITIONS
        for number in range(_PARTITIONS):
            mine = [p for p in people if p % _PARTITIONS == number] or list(people)
            where = Partition(topic="overt.part.v1", topic_id="A" * 22, number=number)
            values = self._values(mine)
            for at in range(first, first + per_chain, _OBJECT):
                last = min(at + _OBJECT, first + per_chain) - 1
                taken = [
                    take(ScriptedMessage(number=number, at=offset, body=next(values)), 0)
                    for offset in range(at, last + 1)
                ]
                built, data = container.build(where, at, last, taken)
                self.bucket.create(built.name, data)
                self.index.insert(built, 1)
        self.stored = to

    def _values(self, people: list[int]) -> Iterator[bytes]:
        batch = 0
        while True:
            for person in people:
                yield _part(person, batch)
            batch += 1

    def plan_ms(self) -> float:
        """Return how long the authority takes to page through ten people's runs."""
        index = Reading(f"sqlite:///{self.folder / 'index.db'}")
        try:
            people = [f"p-{n:016x}" for n in range(_READ_PEOPLE)]
            began, after, found = time.perf_counter(), 0, 0
            while True:
                page = index.page(people, after, _PAGE)
                found, after = found + len(page.runs), page.after
                if not page.more:
                    break
            spent = time.perf_counter() - began
        finally:
            index.close()
        assert found >= min(self.stored, _READ_PEOPLE * _OF_PERSON) // 2, found
        return 1000 * spent

    def verify_s(self) -> float:
        """Return how long verify takes over everything, which must be clean."""
        report, began = Report(quick=False), time.monotonic()
        check(self.index, {"hot": self.bucket}, {}, report)
        assert not report.findings, report.findings.kept[:3]
        assert report.account.standing == self.stored
        return time.monotonic() - began


_SEGMENTS: dict[tuple[int, int], tuple[bytes, bytes]] = {}


def _part(person: int, batch: int) -> bytes:
    key = (person, batch // _SEGMENT)
    if key not in _SEGMENTS:
        header = sealing.SegmentHeader(
            person=f"p-{person:016x}", device=person.to_bytes(16), boot=bytes(16), activity=1,
            stream=Stream.INPUT, segment=key[1], day=_DAY, policy="0" * 64,
            consent="c-0123456789abcdef", purposes=("train",), processor="sign-test",
            data_key=bytes(16), commitment=bytes(16),
        )  # fmt: skip
        packed = sealing.dump(header)
        _SEGMENTS[key] = packed, sealing.segment_info(packed)
    packed, info = _SEGMENTS[key]
    number = sealing.PartHeader(
        segment=info, batch=batch, raw=bytes(32), previous=bytes(32), partition=0, offset=batch,
        schema=21, first=batch == 0, final=False,
    )  # fmt: skip
    return codec.encode(
        Part(
            segment=packed, wrap=b"", person_key="pk", header=sealing.dump(number),
            sealed=bytes(64), signature=bytes(64),
        )
    )  # fmt: skip
