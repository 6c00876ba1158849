"""What the authority says to everybody: keys, rules, leases.

One frozen class for each record of `avsc/`, which documents every field with its purpose and
sensitivity; a test keeps both equal.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A record and who signed it."""

    schema: int
    body: bytes
    key_id: str
    signature: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyCert:
    """A public key and what it may sign or open."""

    key_id: str
    role: str
    public: bytes
    not_before_ms: int
    not_after_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySet:
    """All keys in force, signed by the offline root that endpoints and readers pinned."""

    version: int
    certs: tuple[KeyCert, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The rules an endpoint follows; its hash is named in beacons, consents and period headers."""

    group: str
    version: int
    notice: str
    purposes: tuple[str, ...]
    apps: tuple[str, ...]
    keep_titles: bool
    synthetic: bool
    idle_gap_s: int
    segment_s: int
    segment_bytes: int
    period_s: int
    frame_interval_ms: int
    hold_back_ms: int
    spool_age_h: int
    spool_bytes: int
    move_tolerance_px: int = 0
    frame_floor_ms: int = 0
    scene_percent: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlay:
    """A signed change to the declared access; it only takes away, but for a grant and its feed."""

    overlay: str
    version: int
    kind: str
    scope: str
    active: bool
    issued_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRef:
    """The policy in force for a group."""

    group: str
    policy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Beacon:
    """The fleet record that carries leases and pauses, numbered and signed."""

    number: int
    issued_ms: int
    valid_until_ms: int
    paused_groups: tuple[str, ...]
    tags: tuple[bytes, ...]
    policies: tuple[PolicyRef, ...]
