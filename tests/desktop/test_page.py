"""A notice is shown in full, or not at all."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from overt_producer.presence import Notice
from overt_producer.presence.canvas import Canvas, Lettering, wrapped
from overt_producer.presence.page import AGREE, REFUSE, drawn_page
from overt_producer.sources import Rect
from overt_schemas.errors import Permanent

# Solid blocks: what matters here is the place of letters, not their looks.
BLOCK = np.ones((13, 6), np.bool_)
LETTERS = Lettering(
    height=13, width=6, glyphs={chr(c): BLOCK for c in (*range(32, 127), *range(161, 256))}
)


def notice(lines: int = 2, who: str = "Acme Research") -> Notice:
    return Notice(
        controller=who,
        applications=("Mousepad",),
        contents=tuple(f"Kind of content number {n}, told in some words" for n in range(lines)),
        purposes=("Training of agents.",),
        kept="At most 90 days.",
        choices=("Stop: overtd opt-out",),
    )


def screen(width: int, height: int) -> Rect:
    return Rect(x=0, y=0, width=width, height=height)


@pytest.mark.parametrize(
    ("width", "height", "enlarged"), [(800, 600, 1.0), (1280, 800, 1.0), (3840, 2160, 2.0)]
)
def test_an_ordinary_notice_fits_on_an_ordinary_screen(
    width: int, height: int, enlarged: float
) -> None:
    page = drawn_page(notice(), LETTERS, enlarged, screen(width, height))

    tall, wide = page.pixels.shape[:2]
    assert wide <= width
    assert tall <= height
    for rect in page.buttons.values():
        assert rect.clipped(screen(wide, tall)) == rect
    assert page.buttons[AGREE].clipped(page.buttons[REFUSE]).is_empty


def test_a_long_notice_is_written_smaller() -> None:
    short, long = (drawn_page(notice(n), LETTERS, 1.0, screen(1280, 800)) for n in (2, 26))

    assert long.pixels.shape[1] < short.pixels.shape[1]


def test_a_notice_that_cannot_be_shown_in_full_is_not_shown() -> None:
    with pytest.raises(Permanent) as caught:
        drawn_page(notice(200), LETTERS, 1.0, screen(1280, 800))
    assert caught.value.reason == "notice_too_long"


def test_a_notice_the_font_cannot_write_is_not_shown() -> None:
    with pytest.raises(Permanent) as caught:
        drawn_page(notice(who="\u0410\u043a\u043c\u0435"), LETTERS, 1.0, screen(1280, 800))
    assert caught.value.reason == "notice_unreadable"


def test_a_writers_punctuation_is_no_obstacle() -> None:
    drawn_page(
        notice(who="Acm\u00e9 \u2013 \u201cthe\u201d lab\u2019s"), LETTERS, 1.0, screen(1280, 800)
    )


@given(st.text(alphabet="ab ", max_size=60), st.integers(1, 12))
def test_wrapping_loses_no_letter_and_keeps_its_width(text: str, columns: int) -> None:
    lines = wrapped(text, columns)

    assert "".join("".join(lines).split()) == "".join(text.split())
    assert all(len(line) <= columns for line in lines)


def test_the_focus_is_to_be_seen() -> None:
    page = drawn_page(notice(), LETTERS, 1.0, screen(1280, 800))

    assert (page.faces[REFUSE, True] != page.faces[REFUSE, False]).any()


def test_letters_leave_the_paper_around_them_alone() -> None:
    canvas = Canvas(100, 40, 0xFFFFFF)

    end = canvas.text(LETTERS, 10, 10, "ab", 16, 0x000000)

    inked = np.argwhere(canvas.words != 0xFFFFFFFF)
    assert inked.min(axis=0).tolist() == [10, 10]
    assert inked.max(axis=0).tolist() == [25, end - 1]
