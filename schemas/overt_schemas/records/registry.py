"""Who may: devices, people, grants, receipts, and the log of what was done.

One frozen class for each record of `avsc/`, which documents every field with its purpose and
sensitivity; a test keeps both equal.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SealSpan:
    """For whom, from when, until when."""

    person: str
    from_ms: int
    to_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseSpan:
    """A pause of one device."""

    from_ms: int
    to_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """What the registry says of a device."""

    device: bytes
    group: str
    version: int
    state: str
    signing_key: bytes
    spans: tuple[SealSpan, ...]
    pauses: tuple[PauseSpan, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonKey:
    """A public key for one ISO week."""

    key_id: str
    week: str
    public: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentSpan:
    """A consent in force."""

    consent: str
    device: bytes
    policy: str
    purposes: tuple[str, ...]
    from_ms: int
    to_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """What the registry says of a person, by pseudonym."""

    person: str
    version: int
    state: str
    keys: tuple[PersonKey, ...]
    consents: tuple[ConsentSpan, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A time-boxed right of one subscriber for one purpose."""

    grant: str
    version: int
    subscriber: str
    purpose: str
    cohort: tuple[str, ...]
    streams: tuple[int, ...]
    not_before_ms: int
    not_after_ms: int
    approvers: tuple[str, ...]
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """The receipt of a decision, signed by capture on the device where it was made."""

    consent: str
    device: bytes
    person: str
    policy: str
    purposes: tuple[str, ...]
    notice_hash: str
    shown_ms: int
    decided_ms: int
    decision: str
    method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """Two states and no more: capturing or not."""

    device: bytes
    boot: bytes
    number: int
    at_ms: int
    capturing: bool
    beacon: int
    input_batches: int
    frame_batches: int
    stopped_ms: int
    reason: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One line of the log that is written before anything is released."""

    number: int
    at_ms: int
    kind: str
    actor: str
    grant: str
    purpose: str
    person: str
    detail: str
