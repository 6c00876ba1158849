"""Sessions made anew from the parts: what the log says against what overt.session.v1 says.

All parts that still stand are folded by the core of the session app, and what comes out is compared
with the record of each session that counts furthest. A session that began before the oldest part is
left alone: its record knows more than the log does.
"""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from confluent_kafka import Producer

from overt_processors.core.sessions import fold, state
from overt_processors.core.sessions.entry import OPEN, SILENT
from overt_processors.core.sessions.reading import read
from overt_processors.session_log import BEGINNING_MS, read_sessions, read_to_end
from overt_schemas import client, codec
from overt_schemas.errors import Permanent, Transient
from overt_schemas.feed import key_of
from overt_schemas.ids import SessionId
from overt_schemas.records import Session
from overt_schemas.signing import Keyring
from overt_schemas.topics import CATALOGUE, PART, SESSION

_TAKE_EVERY = 10_000  # parts between two collections of what changed
_FLUSH_S = 60.0
# Silence is a matter of clocks: so close to it two looks may differ.
_NEAR_MS = 300_000
_PARTITIONS = range(CATALOGUE[PART].partitions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """The sessions of one partition as its parts make them.

    Attributes:
        sessions: by key.
        changed: offset of the part that changed a session last, by key.
        since_ms: append time of the oldest part.
    """

    sessions: Mapping[bytes, Session]
    changed: Mapping[bytes, int]
    since_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A comparison.

    Attributes:
        differing: what the parts make of sessions whose record says something else, or is missing.
        behind: so many of them the app has not come to yet, which is no finding.
        beyond: sessions older than the oldest part, left alone.
        same: sessions whose record is right.
    """

    differing: tuple[Session, ...]
    behind: int
    beyond: int
    same: int


def compare(
    made: Made, recorded: Mapping[bytes, Session], committed: int | None, rules: state.Rules,
    now_ms: int,
) -> Found:  # fmt: skip
    """Return in what the records of a partition differ from what its parts make.

    ``committed`` is the session app's offset: what changed from there on it may not have written.
    """
    differing: list[Session] = []
    behind = beyond = same = 0
    for key, session in made.sessions.items():
        record = recorded.get(key)
        if record is not None and _is_same(session, record, rules, now_ms):
            same += 1
        elif record is not None and 0 < record.opened_ms < made.since_ms:
            beyond += 1
        elif committed is not None and made.changed[key] >= committed:
            behind += 1
            differing.append(session)
        else:
            differing.append(session)
    return Found(differing=tuple(differing), behind=behind, beyond=beyond, same=same)


def _is_same(a: Session, b: Session, rules: state.Rules, now_ms: int) -> bool:
    if {a.state, b.state} == {OPEN, SILENT}:
        is_near = abs(a.last_ms + rules.silent_ms - now_ms) < _NEAR_MS
        b = replace(b, state=a.state) if is_near else b
    return replace(a, next_offset=b.next_offset) == b


class Rebuild:
    """One run. Reads with plain consumers; no group takes part."""

    def __init__(
        self, connection: client.Config, keyring: Keyring, rules: state.Rules,
        say: Callable[[str], object],
    ) -> None:  # fmt: skip
        self._connection, self._keyring, self._rules = connection, keyring, rules
        self._say, self._stop = say, threading.Event()
        self.parts = self.refused = 0

    def make(self, now_ms: int) -> dict[int, Made]:
        """Fold all parts that stand now."""
        memories = {p: state.Memory(rules=self._rules) for p in _PARTITIONS}
        drafts: dict[int, _Draft] = {p: _Draft() for p in _PARTITIONS}
        total, told_s = [0], time.monotonic()
        for message in read_to_end(
            self._connection, PART, _PARTITIONS, BEGINNING_MS, self._stop, total.append
        ):
            partition = message.partition()
            self._fold(memories[partition], drafts[partition], message)
            if self.parts % _TAKE_EVERY == 0:
                for p in _PARTITIONS:
                    drafts[p].take(memories[p], now_ms)
            if time.monotonic() - told_s > 2.0:
                told_s = time.monotonic()
                self._say(f"{self.parts:,} of {total[-1]:,} parts")
        for p, memory in memories.items():
            fold.tick(memory, now_ms, memory.position)
            drafts[p].take(memory, now_ms)
        self._say(f"{self.parts:,} parts read")
        return {p: draft.made() for p, draft in drafts.items()}

    def recorded(self) -> dict[int, dict[bytes, Session]]:
        """Return the record of each session that counts furthest."""
        found = read_sessions(self._connection, _PARTITIONS, BEGINNING_MS, self._stop)
        return {p: state.newest(records) for p, records in found.items()}

    def write(self, sessions: Mapping[int, tuple[Session, ...]]) -> None:
        """Write session records and wait until all stand.

        Raises:
            Transient: the brokers did not take them all.
        """
        producer, failed = Producer(client.producer(self._connection)), list[Any]()

        def told(error: Any, _message: Any) -> None:
            if error is not None:
                failed.append(error)

        for partition, records in sessions.items():
            for record in records:
                while True:
                    try:
                        producer.produce(
                            SESSION, codec.encode(record), record.device, partition=partition,
                            on_delivery=told,
                        )  # fmt: skip
                        break
                    except BufferError:
                        producer.poll(1.0)
        if producer.flush(_FLUSH_S) or failed:
            raise Transient(
                "the brokers did not take all session records: run it again",
                reason="brokers_down",
            )

    def _fold(self, memory: state.Memory, draft: "_Draft", message: Any) -> None:
        self.parts += 1
        append_ms = message.timestamp()[1]
        draft.since_ms = append_ms if draft.since_ms < 0 else draft.since_ms
        try:
            news = read(message.value(), self._keyring, append_ms)
        except Permanent:
            self.refused += 1
            fold.skip(memory, message.offset())
            return
        fold.step(memory, news, message.offset(), append_ms)


class _Draft:
    """Sessions of a partition, collected while it is folded: a complete one is not kept there."""

    def __init__(self) -> None:
        self.since_ms = -1
        self._sessions: dict[bytes, Session] = {}
        self._changed: dict[bytes, int] = {}

    def take(self, memory: state.Memory, now_ms: int) -> None:
        changed = {key: fold.changed(memory, key) for key in memory.dirty}
        for session in fold.due(memory, now_ms, everything=True):
            key = key_of(
                SessionId(device=session.device, boot=session.boot, activity=session.activity)
            )
            self._sessions[key], self._changed[key] = session, changed[key]
        fold.written(memory)

    def made(self) -> Made:
        return Made(sessions=self._sessions, changed=self._changed, since_ms=self.since_ms)
