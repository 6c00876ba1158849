"""Frames of the scripted desktop: windows with what was typed in them, drawn by hand. Pure.

Small letters of three by five dots, enough for a person to read a frame and for a scanner to look
for a pattern: the same text always makes the same pixels, at any place. Lower case is drawn like
upper case without the bar beneath.
"""

import numpy as np
from numpy.typing import NDArray

from overt_producer.sources.events import Rect, WindowContext

# Five rows of three dots each, one octal digit a row.
_DOTS = {
    "A": "25755", "B": "65656", "C": "34443", "D": "65556", "E": "74647", "F": "74644",
    "G": "34553", "H": "55755", "I": "72227", "J": "11152", "K": "55655", "L": "44447",
    "M": "57755", "N": "65555", "O": "25552", "P": "65644", "Q": "25573", "R": "65655",
    "S": "34216", "T": "72222", "U": "55557", "V": "55552", "W": "55775", "X": "55255",
    "Y": "55222", "Z": "71247", "0": "75557", "1": "26227", "2": "61247", "3": "61216",
    "4": "55711", "5": "74616", "6": "34757", "7": "71222", "8": "75757", "9": "75716",
    ".": "00002", ",": "00024", "-": "00700", "!": "22202", "?": "61202", ":": "02020",
    "'": "22000", "(": "12221", ")": "42224", "/": "11244", "_": "00007", "+": "02720",
    "=": "07070", "#": "57575", "@": "25743", " ": "00000",
}  # fmt: skip
CELL_WIDTH, CELL_HEIGHT = 4, 7
SCALE = 2
MARGIN = 6
TITLE_HEIGHT = 18

PAPER, INK = 0xFFF7F5EE, 0xFF2B2A27
BAR, BAR_INK = 0xFF47545E, 0xFFF7F5EE
EDGE = 0xFF1B2025


def text_dots(text: str) -> NDArray[np.bool_]:
    """Return the dots of one line of text at scale 1, for drawing it or for finding it."""
    dots = np.zeros((CELL_HEIGHT, CELL_WIDTH * len(text)), np.bool_)
    for index, character in enumerate(text):
        upper = character.upper()
        rows = _DOTS.get(upper) or f"{ord(character) % 0o100000:05o}"
        left = index * CELL_WIDTH
        for y, digit in enumerate(rows[:5]):
            for x in range(3):
                dots[y, left + x] = bool(int(digit) >> (2 - x) & 1)
        if character != character.lower():
            dots[6, left : left + 3] = True
    return dots


def text_pixels(text: str, ink: int = INK, paper: int = PAPER) -> NDArray[np.uint8]:
    """Return one line of text as it stands in a frame: height x width x 4."""
    dots = text_dots(text).repeat(SCALE, axis=0).repeat(SCALE, axis=1)
    words = np.where(dots, np.uint32(ink), np.uint32(paper)).astype(np.uint32)
    return np.ascontiguousarray(words).view(np.uint8).reshape(*dots.shape, 4)


def draw(
    width: int, height: int, stack: tuple[WindowContext, ...], written: dict[str, str]
) -> NDArray[np.uint8]:
    """Return a frame, unmasked.

    Args:
        width: of the screen.
        height: of the screen.
        stack: windows bottom to top.
        written: the text that stands in the window of each application.
    """
    screen = Rect(x=0, y=0, width=width, height=height)
    words = np.empty((height, width), np.uint32)
    # A wallpaper with detail, so that a mask that leaks shows.
    words[:] = 0xFF305060 + (np.arange(width, dtype=np.uint32) // 8 % 16)
    for window in stack:
        _draw_window(words, screen, window, written.get(window.app, ""))
    return words.view(np.uint8).reshape(height, width, 4)


def _draw_window(words: NDArray[np.uint32], screen: Rect, window: WindowContext, text: str) -> None:
    rect = window.rect.clipped(screen)
    if rect.is_empty:
        return
    view = words[rect.y : rect.bottom, rect.x : rect.right]
    view[:] = EDGE
    view[1:-1, 1:-1] = PAPER
    view[1 : TITLE_HEIGHT - 1, 1:-1] = BAR
    _put(view, MARGIN, 3, window.title or window.app, BAR_INK, BAR)
    columns = max(1, (rect.width - 2 * MARGIN) // (CELL_WIDTH * SCALE))
    rows = max(1, (rect.height - TITLE_HEIGHT - MARGIN) // (CELL_HEIGHT * SCALE))
    lines = [
        line[start : start + columns]
        for line in text.split("\n")
        for start in range(0, max(1, len(line)), columns)
    ]
    for row, line in enumerate(lines[-rows:]):
        top = TITLE_HEIGHT + MARGIN // 2 + row * CELL_HEIGHT * SCALE
        _put(view, MARGIN, top, line, INK, PAPER)


def _put(view: NDArray[np.uint32], x: int, y: int, text: str, ink: int, paper: int) -> None:
    pixels = text_pixels(text, ink, paper).view(np.uint32)[:, :, 0]
    target = view[y : y + pixels.shape[0], x : x + pixels.shape[1]]
    target[:] = pixels[: target.shape[0], : target.shape[1]]
