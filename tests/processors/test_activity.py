"""Violations of the activity rule are marked, and only those."""

from dataclasses import replace

import numpy as np
import pytest

from overt_processors.core import activity
from overt_processors.core.outcome import Sealed
from overt_schemas.envelope.part import verify_part
from overt_schemas.records import FrameBatch, Gap, InputBatch
from tests.processors.world import START_MS, World, frame_batch, input_batch

START_US = START_MS * 1000


def dt(*values: int) -> bytes:
    return np.array(values, "<i4").tobytes()


def seq(*values: int) -> bytes:
    return np.array(values, "<u4").tobytes()


GOOD = input_batch(START_MS)
FRAMES = frame_batch(START_MS, 4, 5, 6)


def gap(**changes: object) -> Gap:
    return replace(Gap(reason="policy", from_us=START_US, to_us=START_US, count=1), **changes)  # type: ignore[arg-type]


def frames(**changes: object) -> FrameBatch:
    """FRAMES with its last frame changed."""
    return replace(FRAMES, frames=(*FRAMES.frames[:2], replace(FRAMES.frames[2], **changes)))  # type: ignore[arg-type]


INPUT_CASES: dict[str, tuple[InputBatch, tuple[str, ...]]] = {
    "as it should be": (GOOD, ()),
    "empty": (input_batch(START_MS, 0), ()),
    "with a sound gap": (replace(GOOD, gaps=(gap(),)), ()),
    "two events at one time": (replace(GOOD, dt=dt(0, 0, 5)), ()),
    "holes in seq": (replace(GOOD, seq=seq(0, 2, 9)), ()),
    "after the one before": (replace(GOOD, prev_seq=7, first_seq=8, prev_event_us=START_US), ()),
    "its end": (replace(GOOD, final=True, ended="idle"), ()),
    "time goes back": (replace(GOOD, dt=dt(0, 9, 5)), ("event_order",)),
    "before the one before": (replace(GOOD, prev_event_us=START_US + 1), ("event_order",)),
    "seq stands still": (replace(GOOD, seq=seq(0, 1, 1)), ("seq_order",)),
    "seq of the one before": (replace(GOOD, prev_seq=8, first_seq=8), ("seq_order",)),
    "too far ahead": (replace(GOOD, dt=dt(0, 1, 10_000_001)), ("bounds",)),
    "too far back": (replace(GOOD, dt=dt(-10_000_001, 1, 2)), ("bounds",)),
    "a gap of no known reason": (replace(GOOD, gaps=(gap(reason="oops"),)), ("gap",)),
    "a gap that ends first": (replace(GOOD, gaps=(gap(to_us=START_US - 1),)), ("gap",)),
    "final without a reason": (replace(GOOD, final=True), ("ended",)),
    "a reason and not final": (replace(GOOD, ended="idle"), ("ended",)),
    "all at once": (
        replace(GOOD, dt=dt(0, 9, 5), prev_seq=0, ended="idle"),
        ("ended", "event_order", "seq_order"),
    ),
}  # fmt: skip
FRAME_CASES: dict[str, tuple[FrameBatch, tuple[str, ...]]] = {
    "as they should be": (FRAMES, ()),
    "chunks of one frame": (frames(number=5, base=4, chunk=1, chunks=2), ()),
    "a number twice": (frames(number=5), ("frame_order",)),
    "a number of before": (replace(FRAMES, prev_frame=4), ("frame_order",)),
    "a grab before the last": (frames(t_us=START_US), ("frame_order",)),
    "a grab that ends first": (frames(until_us=START_US), ("frame_order",)),
    "a base to come": (frames(base=6), ("frame_order",)),
    "seq goes back": (frames(last_seq=0), ("frame_counts",)),
    "actions go back": (frames(actions=0), ("frame_counts",)),
}


@pytest.mark.parametrize("case", INPUT_CASES)
def test_input(case: str) -> None:
    batch, flags = INPUT_CASES[case]

    assert activity.read(batch).flags == flags


@pytest.mark.parametrize("case", FRAME_CASES)
def test_frames(case: str) -> None:
    batch, flags = FRAME_CASES[case]

    assert activity.read(batch).flags == flags


def test_the_span_reaches_from_the_first_to_the_last_moment() -> None:
    reading = activity.read(replace(GOOD, dt=dt(-5, 0, 900)))

    assert reading.span == activity.Span(first_us=START_US - 5, last_us=START_US + 900)


def test_a_frame_batch_in_which_nothing_happened_has_no_time() -> None:
    assert activity.read(frame_batch(START_MS)).span is None


def test_a_violation_is_marked_on_the_part_and_nothing_is_mended() -> None:
    world = World()
    odd = replace(GOOD, seq=seq(0, 1, 1))

    outcome = world.refine_batch(odd)

    assert isinstance(outcome, Sealed)
    _, header = verify_part(outcome.part, world.signer.public_bytes())
    assert header.flags == outcome.flags == ("seq_order",)
