"""Rectangles and letters in an array of pixels. Pure.

Letters come from the one bitmap font that every X server has built in (6x13 ``fixed``). It is
tiny, so glyphs are smoothed up eight times and averaged down to any size: legible on a 4K screen,
and the same everywhere, since no font package is needed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from overt_producer.sources.events import Rect

UP = 8
MISSING = "?"
# Punctuation that writers use and Latin-1 lacks.
PLAIN = str.maketrans(
    {
        "\u2010": "-",
        "\u2011": "-",
        "\u2013": "-",
        "\u2014": "-",
        "\u2018": "'",
        "\u2019": "'",
        "\u201c": '"',
        "\u201d": '"',
        "\u2022": "\u00b7",
        "\u2026": "...",
        "\u2192": "->",
        "\u00a0": " ",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lettering:
    """Glyphs of one font, all of one size: dots of height x width by character."""

    height: int
    width: int
    glyphs: Mapping[str, NDArray[np.bool_]] = field(repr=False)

    def advance(self, size: int) -> float:
        """Return how wide a character is when letters are ``size`` pixels high."""
        return self.width * size / self.height

    def columns(self, width: int, size: int) -> int:
        """Return how many characters fit into a width."""
        return max(1, int(width / self.advance(size)))

    def lacks(self, text: str) -> bool:
        """Whether some character would not be what it is."""
        return any(c not in self.glyphs for c in text.translate(PLAIN) if not c.isspace())

    def alpha(self, text: str, size: int, *, is_bold: bool = False) -> NDArray[np.float64]:
        """Return how much ink each pixel of a line takes, from 0 to 1."""
        if not text:
            return np.zeros((size, 0))
        plain = text.translate(PLAIN)
        glyphs = [self.glyphs.get(c, self.glyphs[MISSING]) for c in plain]
        dots = _smoothed(np.concatenate(glyphs, axis=1))
        if is_bold:
            # Half a dot wider.
            dots = dots | np.roll(dots, UP // 2, axis=1)
        across = max(1, round(self.advance(size) * len(plain)))
        return _averaged(_averaged(dots.astype(np.float64), across).T, size).T


def wrapped(text: str, columns: int) -> list[str]:
    """Return a text in lines of at most so many characters; a long word is cut."""
    lines = [""]
    for word in text.split():
        rest = word
        if lines[-1] and len(lines[-1]) + 1 + len(rest) > columns:
            lines.append("")
        elif lines[-1]:
            rest = " " + rest
        while len(lines[-1]) + len(rest) > columns:
            room = columns - len(lines[-1])
            lines[-1] += rest[:room]
            rest = rest[room:]
            lines.append("")
        lines[-1] += rest
    return lines


class Canvas:
    """Pixels to draw on; ``pixels`` is height x width x 4, BGRX."""

    def __init__(self, width: int, height: int, colour: int) -> None:
        self.words = np.full((height, width), 0xFF000000 | colour, np.uint32)

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """The same memory as bytes."""
        return self.words.view(np.uint8).reshape(*self.words.shape, 4)

    def fill(self, rect: Rect, colour: int) -> None:
        """Paint a rectangle; what leaves the canvas is cut."""
        height, width = self.words.shape
        part = rect.clipped(Rect(x=0, y=0, width=width, height=height))
        if not part.is_empty:
            self.words[part.y : part.bottom, part.x : part.right] = 0xFF000000 | colour

    def frame(self, rect: Rect, colour: int, thickness: int) -> None:
        """Paint the edge of a rectangle, inside it."""
        t = thickness
        for x, y, width, height in (
            (rect.x, rect.y, rect.width, t),
            (rect.x, rect.bottom - t, rect.width, t),
            (rect.x, rect.y, t, rect.height),
            (rect.right - t, rect.y, t, rect.height),
        ):
            self.fill(Rect(x=x, y=y, width=width, height=height), colour)

    def disc(self, x: int, y: int, radius: int, colour: int) -> None:
        """Paint a disc around a point."""
        rows, columns = np.ogrid[: self.words.shape[0], : self.words.shape[1]]
        distance = np.sqrt((columns - x) ** 2.0 + (rows - y) ** 2.0)
        self._blend(np.clip(radius + 0.5 - distance, 0, 1), 0, 0, colour)

    def text(
        self,
        lettering: Lettering,
        x: int,
        y: int,
        text: str,
        size: int,
        colour: int,
        *,
        is_bold: bool = False,
    ) -> int:
        """Write one line with its top left corner at (x, y); return the column after it."""
        alpha = lettering.alpha(text, size, is_bold=is_bold)
        self._blend(alpha, x, y, colour)
        return x + int(alpha.shape[1])

    def lines(
        self, lettering: Lettering, x: int, y: int, lines: Sequence[str], size: int, colour: int
    ) -> int:
        """Write lines one under the other; return the row after them."""
        for line in lines:
            self.text(lettering, x, y, line, size, colour)
            y += line_height(size)
        return y

    def _blend(self, alpha: NDArray[np.float64], x: int, y: int, colour: int) -> None:
        view = self.pixels[y : y + alpha.shape[0], x : x + alpha.shape[1], :3]
        part = alpha[: view.shape[0], : view.shape[1], None]
        ink = np.array([colour & 0xFF, colour >> 8 & 0xFF, colour >> 16 & 0xFF], np.float64)
        view[:] = np.rint(view * (1 - part) + ink * part).astype(np.uint8)


def line_height(size: int) -> int:
    """Return the distance of two lines of letters ``size`` pixels high."""
    return round(size * 1.2)


def _smoothed(dots: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return dots doubled three times, with slanting edges filled in (the rule is EPX)."""
    for _ in range(3):
        edge = np.pad(dots, 1)
        up, down = edge[:-2, 1:-1], edge[2:, 1:-1]
        left, right = edge[1:-1, :-2], edge[1:-1, 2:]
        double = dots.repeat(2, axis=0).repeat(2, axis=1)
        for y, x, a, b, c, d in (
            (0, 0, left, up, down, right),
            (0, 1, up, right, left, down),
            (1, 0, down, left, right, up),
            (1, 1, right, down, up, left),
        ):
            is_corner = (a == b) & (a != c) & (b != d)
            double[y::2, x::2] = np.where(is_corner, a, dots)
        dots = double
    return dots


def _averaged(dots: NDArray[np.float64], target: int) -> NDArray[np.float64]:
    """Return rows of samples averaged by area to ``target`` samples each."""
    count = dots.shape[1]
    sums = np.concatenate([np.zeros((dots.shape[0], 1)), np.cumsum(dots, axis=1)], axis=1)
    edges = np.linspace(0, count, target + 1)
    whole = np.minimum(edges.astype(int), count - 1)
    at_edges = sums[:, whole] + (edges - whole) * dots[:, whole]
    return np.asarray(np.diff(at_edges, axis=1) * (target / count))
