"""What an endpoint seals, and what it says about what it no longer has.

One frozen class for each record of `avsc/`, which documents every field with its purpose and
sensitivity; a test keeps both equal.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodHeader:
    """What one content key was made for."""

    version: int
    device: bytes
    boot: bytes
    person: str
    period: int
    started_us: int
    policy: str
    consent: str
    processor_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedBatch:
    """One batch as capture sealed it."""

    period: bytes
    wrap: bytes
    period_signature: bytes
    header: bytes
    iv: bytes
    ciphertext: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Tombstone:
    """What is left of a batch whose content was dropped on purpose."""

    period: bytes
    wrap: bytes
    period_signature: bytes
    header: bytes
    content_hash: bytes
    signature: bytes
    reason: str
    reason_signature: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class BootEnd:
    """Signed by capture at its start: how far the boot before had spooled."""

    device: bytes
    boot: bytes
    next_boot: bytes
    input_batches: int
    frame_batches: int
    at_us: int
    clean: bool
    person: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The application in front since a time."""

    t_us: int
    app: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A labelled hole."""

    reason: str
    from_us: int
    to_us: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InputBatch:
    """One second of input of one activity, in packed columns (overt_schemas.columns)."""

    activity: int
    first: bool
    final: bool
    ended: str
    start_us: int
    first_seq: int
    prev_seq: int
    prev_event_us: int
    frame_actions: int
    seq: bytes
    dt: bytes
    kind: bytes
    x: bytes
    y: bytes
    code: bytes
    state: bytes
    keysym: bytes
    flags: bytes
    layout: bytes
    contexts: tuple[Context, ...]
    gaps: tuple[Gap, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitor:
    """One monitor of a display epoch."""

    x: int
    y: int
    width: int
    height: int
    scale: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Op:
    """One drawing operation on the raster; operations of a frame apply in order."""

    kind: int
    x: int
    y: int
    width: int
    height: int
    sx: int
    sy: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A frame, or one chunk of a large one."""

    number: int
    t_us: int
    until_us: int
    last_seq: int
    actions: int
    epoch: int
    width: int
    height: int
    monitors: tuple[Monitor, ...]
    key: bool
    base: int
    chunk: int
    chunks: int
    ops: tuple[Op, ...]
    data: bytes
    hash: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameBatch:
    """One second of screen frames of one activity."""

    activity: int
    first: bool
    final: bool
    ended: str
    prev_frame: int
    frames: tuple[Frame, ...]
    gaps: tuple[Gap, ...]
