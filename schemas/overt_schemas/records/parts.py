"""What processors write and sinks store.

One frozen class for each record of `avsc/`, which documents every field with its purpose and
sensitivity; a test keeps both equal.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A batch as sealed again by a processor."""

    segment: bytes
    wrap: bytes
    person_key: str
    header: bytes
    sealed: bytes
    signature: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Marker:
    """What stands on overt.part.v1 where no part can: a tombstone, a boot end, or a notice."""

    header: bytes
    evidence: bytes
    signature: bytes
    processor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """One Kafka header."""

    name: str
    value: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPart:
    """One Kafka record of overt.part.v1 in an object."""

    topic_id: str
    partition: int
    offset: int
    append_ms: int
    key: bytes
    headers: tuple[Header, ...]
    schema_id: int
    value: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Batches without a hole."""

    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionStream:
    """What was seen of one stream of a session."""

    stream: int
    first: bool
    final: bool
    runs: tuple[Run, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A session as derived from part headers; content-free, rebuilt at will."""

    device: bytes
    boot: bytes
    activity: int
    person: str
    state: str
    input_batches: int
    frame_batches: int
    opened_ms: int = 0
    last_ms: int = 0
    next_offset: int = -1
    streams: tuple[SessionStream, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A record nobody could process, as it came, still sealed."""

    topic: str
    partition: int
    offset: int
    key: bytes
    value: bytes
    reason: str
    at_ms: int
    processor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What an operator decided on a dead letter."""

    partition: int
    offset: int
    verdict: str
    actor: str
    at_ms: int
    topic: str
    to_offset: int
