"""Packed columns: the events of a batch as numpy sees them, and what they mean.

One element an event, in event-time order, little-endian. Reading is a view over the record's bytes
(55 M events/s; an Avro record an event would be 0.55 M/s). Arrays that come out are read-only.
"""

from dataclasses import dataclass, fields
from enum import IntEnum, IntFlag

import numpy as np
import numpy.typing as npt
import xxhash

from overt_schemas.errors import Malformed
from overt_schemas.records import InputBatch


class Kind(IntEnum):
    """What happened."""

    MOVE = 0
    PRESS = 1
    RELEASE = 2
    SCROLL = 3
    KEY_DOWN = 4
    KEY_UP = 5


class Flag(IntFlag):
    """What else is known of an event."""

    REPEAT = 1
    INJECTED = 2


ACTIONS = frozenset({Kind.PRESS, Kind.SCROLL, Kind.KEY_DOWN})  # what the running count counts

# What a processor thinned, by rule: moves of a hover, of a drag, frames.
THINNED_HOVER, THINNED_DRAG, THINNED_FRAME = "thinned_hover", "thinned_drag", "thinned_frame"
THINNED = frozenset({THINNED_HOVER, THINNED_DRAG, THINNED_FRAME})
# Reasons of gaps, inside the seal. A reader adds `killed`, what marks say, and `raw_expired`.
GAP_REASONS = THINNED | {
    "policy", "no_focus", "secret", "lease", "pause", "indicator", "overflow", "sensor", "stale",
    "masked", "stop",
}  # fmt: skip

_TYPES = {
    "dt": "<i4", "kind": "u1", "x": "<i2", "y": "<i2", "code": "<u2", "state": "<u2",
    "keysym": "<u4", "flags": "u1", "layout": "u1",
}  # fmt: skip
_DTYPES = {name: np.dtype(kind) for name, kind in _TYPES.items()}
_KINDS = bytes(Kind)
_SEQ_LIMIT = 2**62  # so that adding 32-bit offsets cannot wrap
Array = npt.NDArray[np.generic]


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """The nine columns of a batch; all of one length."""

    dt: Array
    kind: Array
    x: Array
    y: Array
    code: Array
    state: Array
    keysym: Array
    flags: Array
    layout: Array

    def __len__(self) -> int:
        return len(self.dt)

    def to_bytes(self) -> dict[str, bytes]:
        """Return the columns as the fields of an InputBatch.

        Raises:
            Malformed: a value that its column cannot hold; nothing is clamped.
        """
        return {f.name: _narrow(f.name, getattr(self, f.name)) for f in fields(self)}


def read(batch: InputBatch) -> Columns:
    """Return views on a batch's columns.

    Raises:
        Malformed: columns of different lengths, or an unknown kind.
    """
    try:  # not by `_view`: a call a column is a fourth of this
        views = {name: np.frombuffer(getattr(batch, name), kind) for name, kind in _DTYPES.items()}
    except ValueError as exc:
        raise Malformed("column is not a whole number of elements", reason="columns") from exc
    if len(set(map(len, views.values()))) != 1:
        raise Malformed("columns differ in length", reason="columns")
    if batch.kind.translate(None, _KINDS):
        raise Malformed("unknown kind of event", reason="columns")
    return Columns(**views)


def seqs(batch: InputBatch) -> npt.NDArray[np.int64]:
    """Return the seq of each event of a batch.

    Raises:
        Malformed: another number of offsets than events, or a seq no device can have reached.
    """
    count = len(batch.kind)
    if not 0 <= batch.first_seq <= _SEQ_LIMIT:
        raise Malformed("first seq is out of range", reason="columns")
    if not batch.seq:
        return np.arange(batch.first_seq, batch.first_seq + count, dtype=np.int64)
    offsets = _view(batch.seq, "<u4").astype(np.int64)
    if len(offsets) != count:
        raise Malformed("columns differ in length", reason="columns")
    return offsets + batch.first_seq


def frame_hash(raster: Array) -> bytes:
    """Return XXH3-128 of a raster: height*width*4 bytes BGRX, masked, X = 0xff."""
    return xxhash.xxh3_128_digest(np.ascontiguousarray(raster).data)


def _view(data: bytes, kind: "str | np.dtype[np.generic]") -> Array:
    try:
        return np.frombuffer(data, kind)
    except ValueError as exc:
        raise Malformed("column is not a whole number of elements", reason="columns") from exc


def _narrow(name: str, values: Array) -> bytes:
    target = np.dtype(_TYPES[name])
    wide = np.asarray(values)
    limits = np.iinfo(target)
    if wide.size and not limits.min <= int(wide.min()) <= int(wide.max()) <= limits.max:
        raise Malformed(f"column {name} holds a value it cannot carry", reason="columns")
    return wide.astype(target).tobytes()
