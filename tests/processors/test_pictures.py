"""A frame passes if a reader could draw it within its limits, and only then."""

from dataclasses import replace
from typing import Any

import pytest
import zstandard

from overt_processors.core import pictures
from overt_schemas.errors import Malformed
from overt_schemas.records import Frame, Op
from tests.processors.world import START_MS, frame_batch

SIDE = 4
DATA = zstandard.compress(bytes(SIDE * SIDE * 4))
WHOLE = Op(kind=0, x=0, y=0, width=SIDE, height=SIDE, sx=0, sy=0)
COPY = Op(kind=1, x=1, y=1, width=2, height=2, sx=2, sy=2)
LARGE = 8192  # squared, it is just what a frame may have


def frame(**changes: Any) -> Frame:
    base = frame_batch(START_MS, 0).frames[0]
    fields = {"width": SIDE, "height": SIDE, "ops": (WHOLE,), "data": DATA, **changes}
    return replace(base, **fields)


def passes(**changes: Any) -> bool:
    reasons: list[str] = []
    try:
        pictures.check(replace(frame_batch(START_MS), frames=(frame(**changes),)))
    except Malformed as exc:
        reasons.append(exc.reason)
    assert reasons in ([], ["raster"])
    return not reasons


def op(base: Op = WHOLE, **changes: int) -> dict[str, Any]:
    """Return an operation and as many pixels as it would draw, where it can."""
    made = replace(base, **changes)
    area = max(made.width * made.height, 0) if made.kind == 0 else SIDE * SIDE
    return {"ops": (made,) if made.kind == 0 else (WHOLE, made),
            "data": zstandard.compress(bytes(area * 4))}  # fmt: skip


GOOD: dict[str, dict[str, Any]] = {
    "a whole picture": {},
    "nothing drawn, whatever lies beside it": {"ops": (), "data": b"no pixels"},
    "only a copy": {"ops": (COPY,), "data": b"no pixels"},
    "a corner": op(x=3, y=3, width=1, height=1),
    "a first chunk": {"chunks": 3, "data": DATA[:-3]},
    "a later chunk, in the middle of its pixels": {"chunk": 1, "chunks": 3, "data": b"pixels"},
    "a copy of the opposite corner": op(COPY, x=2, y=2, sx=0, sy=0),
    "the largest screen": {"width": LARGE, "height": LARGE, "ops": ()},
}


@pytest.mark.parametrize("case", GOOD)
def test_what_a_reader_can_draw_passes(case: str) -> None:
    assert passes(**GOOD[case])


BAD: dict[str, dict[str, Any]] = {
    "no width": {"width": 0, "ops": ()},
    "no height": {"height": 0, "ops": ()},
    "less than nothing both ways": {"width": -4, "height": -4, "ops": ()},
    "less than nothing": {"width": -4, "ops": ()},
    "a row more than the largest screen": {"width": LARGE, "height": LARGE + 1, "ops": ()},
    "chunk before the first": {"chunk": -1, "ops": ()},
    "chunk behind the last": {"chunk": 1, "ops": ()},
    "no chunks": {"chunks": 0, "ops": ()},
    "chunks without end": {"chunks": pictures.CHUNKS_LIMIT + 1, "ops": ()},
    "left of it": op(x=-1),
    "right of it": op(x=1),
    "above it": op(y=-1),
    "below it": op(y=1),
    "too wide": op(width=SIDE + 1),
    "of no width": op(width=0),
    "of no height": op(height=0),
    "of negative width": op(width=-1),
    "of negative height": op(height=-1),
    "copied from left of it": op(COPY, sx=-1),
    "copied from right of it": op(COPY, sx=3),
    "copied from above it": op(COPY, sy=-1),
    "copied from below it": op(COPY, sy=3),
    "an operation nobody knows": {"ops": (WHOLE, replace(WHOLE, kind=2))},
    "pixels that are no zstd frame": {"data": b"pixels"},
    "no pixels": {"data": b""},
    "too many pixels": {"data": zstandard.compress(bytes(SIDE * SIDE * 4 + 1))},
    "too few pixels": {"data": zstandard.compress(bytes(SIDE * SIDE * 4 - 1))},
    "gigabytes of pixels": {"data": zstandard.compress(bytes(1 << 28))},
    "a screen drawn twice": {
        "width": LARGE, "height": LARGE,
        "ops": (replace(WHOLE, width=LARGE, height=LARGE), WHOLE),
        "data": zstandard.compress(bytes(4 * (LARGE * LARGE + SIDE * SIDE))),
    },
    "a screen copied a thousand times": {
        "width": LARGE, "height": LARGE, "data": b"",
        "ops": (replace(WHOLE, kind=1, width=LARGE, height=LARGE),) * 1000,
    },
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_what_no_reader_can_draw_does_not_pass(case: str) -> None:
    assert not passes(**BAD[case])
