"""The sessions of one partition as they are known, and how they are known again after a restart."""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field

from overt_processors.core.sessions.entry import COMPLETE, CUT, OPEN, Entry, from_record
from overt_schemas.feed import key_of
from overt_schemas.ids import SessionId
from overt_schemas.records import Session
from overt_schemas.topics import CATALOGUE, PART

_SETTLE_MS = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Times, in milliseconds.

    Attributes:
        update_ms: between two records of a session of which only counts change.
        silent_ms: without a batch for so long, a session is over.
    """

    update_ms: int
    silent_ms: int

    @property
    def keep_ms(self) -> int:
        """How long a closed session is remembered: parts can repeat while their source lives."""
        return (CATALOGUE[PART].retention_ms or 0) + self.silent_ms

    @property
    def settle_ms(self) -> int:
        """How long after an append a record has surely been fetched by whoever is up to date."""
        return min(_SETTLE_MS, self.silent_ms // 10)


@dataclass(slots=True, kw_only=True)
class Memory:
    """The sessions of one partition.

    Attributes:
        position: offset behind the last record stepped over.
        open: by time of the last batch, as silence comes in that order.
        closed: cut and silent ones, by time of the last batch.
        done: complete ones; nothing can change them.
        finished: complete ones whose record was not handed out yet.
        boots: open and closed ones of each boot.
        ended: boots whose end was seen, for sessions that begin (elsewhere) after it.
        dirty: sessions with a change in no record yet, and the offset of the first such change.
        writing: those handed out and not confirmed yet.
    """

    rules: Rules
    position: int = -1
    open: OrderedDict[bytes, Entry] = field(default_factory=OrderedDict)
    closed: OrderedDict[bytes, Entry] = field(default_factory=OrderedDict)
    done: OrderedDict[bytes, int] = field(default_factory=OrderedDict)
    finished: dict[bytes, Entry] = field(default_factory=dict)
    boots: dict[bytes, dict[bytes, Entry]] = field(default_factory=dict)
    ended: OrderedDict[bytes, int] = field(default_factory=OrderedDict)
    dirty: dict[bytes, int] = field(default_factory=dict)
    writing: dict[bytes, int] = field(default_factory=dict)


def restore(rules: Rules, records: Iterable[Session]) -> Memory:
    """Return the memory that goes on from the newest record of each session."""
    memory = Memory(rules=rules)
    for record in sorted(records, key=lambda r: r.last_ms):
        memory.position = max(memory.position, record.next_offset)
        entry = from_record(record)
        if entry.state == COMPLETE:
            memory.done[entry.key] = entry.last_ms
            continue
        shelf = memory.open if entry.state == OPEN else memory.closed
        shelf[entry.key] = entry
        memory.boots.setdefault(entry.boot_key, {})[entry.key] = entry
        if entry.state == CUT:
            memory.ended[entry.boot_key] = entry.last_ms
    return memory


def newest(records: Iterable[Session]) -> dict[bytes, Session]:
    """Return the record of each session that counts furthest, in time too; else the later one.

    The last one written need not be it: a worker that lost its partitions may still have some in
    flight.
    """
    found: dict[bytes, Session] = {}
    for record in records:
        key = key_of(SessionId(device=record.device, boot=record.boot, activity=record.activity))
        other = found.get(key)
        if other is None or reach(record) >= reach(other):
            found[key] = record
    return found


def reach(record: Session) -> tuple[int, bool]:
    """Return how far a record counts: the parts before an offset, and perhaps the time after."""
    return record.next_offset, record.state != OPEN
