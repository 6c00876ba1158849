"""What the tests of thinning say of a batch before and after."""

from dataclasses import replace

import numpy as np

from overt_schemas import columns
from overt_schemas.columns import Columns
from overt_schemas.records import Gap, InputBatch, Policy
from overt_schemas.testing import empty_input

START_US = 1_764_000_000_000_000
MOVE, PRESS, RELEASE, SCROLL, KEY_DOWN, KEY_UP = range(6)
BUTTON_1 = 0x100
Event = tuple[int, int, int, int, int]  # kind, microseconds since the start, x, y, state
POLICY = Policy(
    group="lab", version=1, notice="n", purposes=("research",), apps=("ed",), keep_titles=False,
    synthetic=True, idle_gap_s=300, segment_s=10, segment_bytes=8_000_000, period_s=600,
    frame_interval_ms=100, hold_back_ms=500, spool_age_h=72, spool_bytes=1_000_000_000,
    move_tolerance_px=1, frame_floor_ms=1000, scene_percent=20,
)  # fmt: skip


def batch_of(events: list[Event], first_seq: int = 0, **changes: object) -> InputBatch:
    """Return the events as a batch, numbered from ``first_seq``."""
    table = np.array(events, np.int64).reshape(len(events), 5)
    zeros = np.zeros(len(events), np.int64)
    packed = Columns(
        dt=table[:, 1], kind=table[:, 0], x=table[:, 2], y=table[:, 3], code=zeros,
        state=table[:, 4], keysym=zeros, flags=zeros, layout=zeros,
    )  # fmt: skip
    fields: dict[str, object] = {**packed.to_bytes(), "first_seq": first_seq, **changes}
    return replace(empty_input(start_us=START_US), **fields)  # type: ignore[arg-type]


def events_of(batch: InputBatch) -> dict[int, Event]:
    """Return the events of a batch by seq."""
    views, seqs = columns.read(batch), columns.seqs(batch).tolist()
    rows = zip(
        *(getattr(views, n).tolist() for n in ("kind", "dt", "x", "y", "state")), strict=True
    )
    return dict(zip(seqs, rows, strict=True))


def thinned_of(gaps: tuple[Gap, ...]) -> dict[str, int]:
    """Return how much the gaps say was thinned, by rule."""
    return {gap.reason: gap.count for gap in gaps if gap.reason in columns.THINNED}
