"""How a consent notice looks on the screen. Pure but for the letters it is given."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from overt_producer.presence.canvas import Canvas, Lettering, line_height, wrapped
from overt_producer.presence.notice import Notice
from overt_producer.sources.events import Rect
from overt_schemas.errors import Permanent

PAPER, HEAD, INK, QUIET, ACCENT = 0xFAFAF7, 0x7A1212, 0x22272B, 0x6A737B, 0xB01818
EDGE, FACE, WHITE = 0x9AA3AA, 0xE8EAEC, 0xFFFFFF

# Smaller letters than these (in pixels) nobody should have to read.
LEAST_TEXT = 12
# What a window manager puts around a dialog.
FRAME_HEIGHT = 40
AGREE, REFUSE = "I agree", "No"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Page:
    """A notice, drawn; where its buttons belong, and how they look without and with the focus."""

    pixels: NDArray[np.uint8] = field(repr=False)
    buttons: dict[str, Rect]
    faces: dict[tuple[str, bool], NDArray[np.uint8]] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Measures:
    width: int
    margin: int
    label: int
    title: int
    text: int
    small: int
    button: tuple[int, int]


def drawn_page(notice: Notice, lettering: Lettering, enlarged: float, most: Rect) -> Page:
    """Return the page for a notice, with smaller letters if it would not fit.

    Raises Permanent where the notice cannot be read here in full: what is not shown is not agreed
    to.

    Args:
        notice: what it says.
        lettering: what to write it with.
        enlarged: 1 for an ordinary monitor.
        most: the monitor, which it must fit into.
    """
    if lettering.lacks(notice.text()):
        raise Permanent(
            "the notice has letters that this display's font lacks: ask in a terminal",
            reason="notice_unreadable",
        )
    while True:
        sizes = _measures(enlarged, most)
        page = _page(notice, lettering, sizes, most)
        if page is not None:
            return page
        enlarged *= 0.95
        if sizes.text < LEAST_TEXT:
            raise Permanent(
                "the notice does not fit on this screen: shorten it, or ask in a terminal",
                reason="notice_too_long",
            )


def _page(notice: Notice, lettering: Lettering, sizes: _Measures, most: Rect) -> Page | None:
    body_width = sizes.width - 2 * sizes.margin - sizes.label
    columns = lettering.columns(body_width, sizes.text)
    sections = [
        (heading, [part for line in lines for part in wrapped(line, columns)])
        for heading, lines in notice.sections()
    ]
    step = line_height(sizes.text)
    gap = step // 2
    head_height = sizes.title + 2 * sizes.margin // 2
    foot_height = sizes.button[1] + 2 * sizes.margin
    body_height = sum(len(lines) * step + gap for _, lines in sections)
    height = head_height + sizes.margin + body_height + foot_height
    if height + FRAME_HEIGHT > most.height:
        return None

    canvas = Canvas(sizes.width, height, PAPER)
    canvas.fill(Rect(x=0, y=0, width=sizes.width, height=head_height), HEAD)
    canvas.text(
        lettering,
        sizes.margin,
        (head_height - sizes.title) // 2,
        notice.title,
        sizes.title,
        WHITE,
        is_bold=True,
    )
    y = head_height + sizes.margin
    for heading, lines in sections:
        canvas.text(lettering, sizes.margin, y, heading, sizes.text, ACCENT, is_bold=True)
        left = sizes.margin + sizes.label
        y = canvas.lines(lettering, left, y, lines, sizes.text, INK) + gap
    hint = "Tab moves, Enter chooses, Esc is No. No answer is No."
    foot = height - sizes.margin - (sizes.button[1] + sizes.small) // 2
    canvas.text(lettering, sizes.margin, foot, hint, sizes.small, QUIET)
    if notice.policy:
        policy = f"Policy {notice.policy}"
        canvas.text(
            lettering, sizes.margin, foot + line_height(sizes.small), policy, sizes.small, QUIET
        )
    canvas.frame(Rect(x=0, y=0, width=sizes.width, height=height), HEAD, max(2, sizes.text // 8))
    return Page(
        pixels=canvas.pixels,
        buttons=_button_rects(sizes, height),
        faces={
            (name, has_focus): _face(name, lettering, sizes, has_focus=has_focus)
            for name in (AGREE, REFUSE)
            for has_focus in (False, True)
        },
    )


def _measures(enlarged: float, most: Rect) -> _Measures:
    def scaled(pixels: int) -> int:
        return round(pixels * enlarged)

    return _Measures(
        width=min(scaled(760), most.width),
        margin=scaled(24),
        label=scaled(130),
        title=scaled(22),
        text=scaled(17),
        small=scaled(14),
        button=(scaled(120), scaled(38)),
    )


def _button_rects(sizes: _Measures, height: int) -> dict[str, Rect]:
    width, tall = sizes.button
    y = height - sizes.margin - tall
    right = sizes.width - sizes.margin - width
    return {
        REFUSE: Rect(x=right, y=y, width=width, height=tall),
        AGREE: Rect(x=right - width - sizes.margin // 2, y=y, width=width, height=tall),
    }


def _face(
    name: str, lettering: Lettering, sizes: _Measures, *, has_focus: bool
) -> NDArray[np.uint8]:
    width, height = sizes.button
    canvas = Canvas(width, height, FACE)
    whole = Rect(x=0, y=0, width=width, height=height)
    canvas.frame(whole, INK if has_focus else EDGE, 3 if has_focus else 1)
    letters = lettering.advance(sizes.text) * len(name)
    canvas.text(
        lettering,
        round((width - letters) / 2),
        (height - sizes.text) // 2,
        name,
        sizes.text,
        INK,
        is_bold=has_focus,
    )
    return canvas.pixels
