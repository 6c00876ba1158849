"""Masks against a brute-force raster: what may leave the grabber, pixel by pixel."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from overt_producer.sources import Rect, WindowContext
from overt_producer.sources.masks import GREY, kept_rects, mask_rects, paint, subtract

SCREEN = Rect(x=0, y=0, width=24, height=16)
OK = "allowed"

rects = st.builds(
    Rect,
    x=st.integers(-4, 24),
    y=st.integers(-4, 16),
    width=st.integers(0, 20),
    height=st.integers(0, 14),
)
windows = st.builds(
    WindowContext, app=st.sampled_from([OK, "bank", ""]), rect=rects, is_opaque=st.booleans()
)
stacks = st.lists(windows, max_size=6).map(tuple)


def allow(window: WindowContext) -> bool:
    return window.app != "bank"


def may_leave(stack: tuple[WindowContext, ...], x: int, y: int) -> bool:
    here = [window for window in stack if window.rect.contains(x, y)]
    for index, window in enumerate(here):
        secret_above = any(other.app != OK for other in here[index + 1 :])
        secret_below = any(other.app != OK for other in here[:index])
        if window.app == OK and not secret_above and (window.is_opaque or not secret_below):
            return True
    return False


def covered(parts: list[Rect]) -> np.ndarray:
    count = np.zeros((SCREEN.height, SCREEN.width), int)
    for part in parts:
        assert part.clipped(SCREEN) == part
        count[part.y : part.bottom, part.x : part.right] += 1
    return count


@given(stacks)
def test_a_pixel_leaves_only_if_it_provably_shows_an_allowed_window(
    stack: tuple[WindowContext, ...],
) -> None:
    wanted = np.array(
        [[may_leave(stack, x, y) for x in range(SCREEN.width)] for y in range(SCREEN.height)]
    )

    kept = covered(kept_rects(stack, allow, SCREEN))
    masked = covered(mask_rects(stack, allow, SCREEN))

    assert (kept == wanted).all()
    assert (kept + masked == 1).all()


@given(rects, rects)
def test_a_subtracted_rectangle_leaves_disjoint_parts_of_the_rest(a: Rect, b: Rect) -> None:
    parts = [part.clipped(SCREEN) for part in subtract(a.clipped(SCREEN), b)]

    left = covered(parts)
    wanted = covered([a.clipped(SCREEN)] if not a.clipped(SCREEN).is_empty else [])
    hole = b.clipped(SCREEN)
    if not hole.is_empty:
        wanted[hole.y : hole.bottom, hole.x : hole.right] = 0
    assert (left == wanted).all()


def test_paint_counts_and_paints_what_lies_in_the_picture() -> None:
    pixels = np.zeros((16, 24, 4), np.uint8)

    count = paint(pixels, [Rect(x=20, y=-2, width=10, height=5)], SCREEN)

    assert count == 4 * 3
    assert (pixels.view(np.uint32)[:3, 20:, 0] == GREY).all()
    assert pixels.sum() == 12 * (3 * 0x80 + 0xFF)
