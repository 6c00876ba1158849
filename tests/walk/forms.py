"""A canary, and every form in which the product could have written it. Pure.

A canary is a text that was typed and, where wanted, pixels that were shown. Its forms: UTF-8,
UTF-16 of both orders, the keysym column (little-endian u4) and the keycode column (u2), in which
releases, repeats, modifiers and pointer moves lie between two letters, and rows of pixels. All are
looked for in the bytes, inside every zstd frame and gzip member in them, inside those in turn, and
so on.
"""

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import zstandard

Pixels = npt.NDArray[np.uint8]

SHORTEST = 8  # letters: fewer keycodes in a row, with gaps, turn up by chance
APART = 16  # elements from one letter to the next: its release, two modifiers, some moves
DEPTH = 8
INFLATED = 256 * 1_048_576  # of one frame; a screen has 33 MB
_WINDOW = 8 * 1_048_576
_PIECE = 1_048_576
_STRIDES = 65_536  # bytes: the widest raster is 16,384 pixels
_ZSTD, _GZIP = b"\x28\xb5\x2f\xfd", b"\x1f\x8b\x08"

# X keycodes of a PC keyboard under the US layout (evdev code + 8).
_ROWS = {10: "1234567890", 24: "qwertyuiop", 38: "asdfghjkl", 52: "zxcvbnm", 65: " "}
US_KEYCODES = {char: first + at for first, row in _ROWS.items() for at, char in enumerate(row)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """What to look for.

    Attributes:
        text: what was typed; letters and digits, at least ``SHORTEST``.
        pixels: height x width x 4 BGRX of something shown, such as the text drawn.
        keycodes: of each lower-case character, under the layout it was typed with.
    """

    text: str
    pixels: Pixels | None = None
    keycodes: Mapping[str, int] = field(default_factory=lambda: US_KEYCODES)

    def __post_init__(self) -> None:
        if len(self.text) < SHORTEST:
            raise ValueError(f"a canary of fewer than {SHORTEST} letters turns up by chance")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One place: in which form, and the way to it (``zstd@12/gzip@0/345``)."""

    form: str
    way: str


def search(
    data: bytes, canary: Canary, *, on_frame: Callable[[], None] = lambda: None
) -> Iterator[Found]:
    """Yield every form's first place in ``data`` and in each compressed piece of it."""
    yield from _search(data, canary, "", DEPTH, on_frame)


def _search(
    data: bytes, canary: Canary, way: str, depth: int, on_frame: Callable[[], None]
) -> Iterator[Found]:
    for form, needle in _needles(canary.text):
        if (at := data.find(needle)) >= 0:
            yield Found(form=form, way=f"{way}{at}")
    keys = [canary.keycodes.get(char.lower(), 0) for char in canary.text]
    for form, kind, letters in (
        ("keysym", "<u4", [ord(char) for char in canary.text]),
        ("keycode", "<u2", keys if all(keys) else []),
    ):
        if letters and (at := _column(data, kind, letters)) >= 0:
            yield Found(form=form, way=f"{way}{at}")
    if canary.pixels is not None:
        for form, picture in _pictures(canary.pixels):
            if (at := _picture(data, picture)) >= 0:
                yield Found(form=form, way=f"{way}{at}")
    if depth:
        for name, at, plain in inflated(data):
            on_frame()
            yield from _search(plain, canary, f"{way}{name}@{at}/", depth - 1, on_frame)


def _needles(text: str) -> Iterator[tuple[str, bytes]]:
    for form in ("utf-8", "utf-16-le", "utf-16-be"):
        yield form, text.encode(form)


def _column(data: bytes, kind: str, letters: Sequence[int]) -> int:
    """Return where a packed column holds these values in order, -1 for nowhere."""
    size = np.dtype(kind).itemsize
    overlap = len(letters) * APART * size
    for start in range(0, len(data), _WINDOW):
        window = data[start : start + _WINDOW + overlap]
        for shift in range(size):
            usable = (len(window) - shift) // size * size
            if usable <= 0:
                continue
            words = np.frombuffer(window, kind, usable // size, shift)
            if (at := _chain(words, letters)) >= 0:
                return start + shift + at * size
    return -1


def _chain(words: npt.NDArray[np.unsignedinteger], letters: Sequence[int]) -> int:
    """Return where a chain of letters begins, each at most ``APART`` behind the one before.

    From the last letter to the first, all places from which the rest can be reached: a letter that
    is typed twice and released in between has several, and the nearest is not always the one.
    """
    reached = np.flatnonzero(words == letters[-1])
    for letter in reversed(letters[:-1]):
        if not len(reached):
            return -1
        places = np.flatnonzero(words == letter)
        after = np.searchsorted(reached, places, side="right")
        places, after = places[after < len(reached)], after[after < len(reached)]
        reached = places[reached[after] - places <= APART]
    return int(reached[0]) if len(reached) else -1


def _pictures(pixels: Pixels) -> Iterator[tuple[str, Pixels]]:
    """Yield the picture as rasters hold it: with the fourth byte full, empty, or left out."""
    for form, fourth in (("pixels", 0xFF), ("pixels-x0", 0)):
        made = pixels.copy()
        made[..., 3] = fourth
        yield form, made
    yield "pixels-bgr", pixels[..., :3]
    yield "pixels-rgb", pixels[..., 2::-1]


def _picture(data: bytes, picture: Pixels) -> int:
    """Return where two or more rows of a picture lie one stride apart, -1 for nowhere."""
    rows = [row.tobytes() for row in np.ascontiguousarray(picture)]
    changes = [int((row[1:] != row[:-1]).any(axis=-1).sum()) for row in picture]
    first = int(np.argmax(changes))  # the row that chance is least likely to draw
    others = [at for at in range(len(rows)) if at != first and changes[at] > 1]
    at = data.find(rows[first])
    while at >= 0:
        if not others or any(_in_line(data, at, other - first, rows[other]) for other in others):
            return at
        at = data.find(rows[first], at + 1)
    return -1


def _in_line(data: bytes, at: int, lines: int, row: bytes) -> bool:
    """Whether a row lies a whole number of bytes a line above or below, within any stride."""
    low, high = sorted((at + lines * len(row), at + lines * _STRIDES))
    place = data.find(row, max(low, 0), max(high + len(row), 0))
    while place >= 0:
        if (place - at) % lines == 0:
            return True
        place = data.find(row, place + 1, max(high + len(row), 0))
    return False


def inflated(data: bytes) -> Iterator[tuple[str, int, bytes]]:
    """Yield what every zstd frame and gzip member in ``data`` holds, as far as it can be read.

    A frame that is cut short or broken gives what came before: that could be read, too.
    """
    for name, magic, opener in (("zstd", _ZSTD, _zstd), ("gzip", _GZIP, _gzip)):
        at = data.find(magic)
        while at >= 0:
            plain = _inflate(data, at, opener())
            if plain:
                yield name, at, plain
            at = data.find(magic, at + 1)


Feed = Callable[[bytes], tuple[bytes, bool]]


def _inflate(data: bytes, at: int, feed: Feed) -> bytes:
    out, size, done, piece = [], 0, False, 4096  # most frames are small: do not read on behind them
    while not done and at < len(data) and size < INFLATED:
        try:
            plain, done = feed(data[at : at + piece])
        except (zstandard.ZstdError, zlib.error):
            break
        out.append(plain)
        size += len(plain)
        at, piece = at + piece, min(2 * piece, _PIECE)
    return b"".join(out)


def _zstd() -> Feed:
    stream = zstandard.ZstdDecompressor(max_window_size=1 << 31).decompressobj()
    return lambda data: (stream.decompress(data), stream.eof)


def _gzip() -> Feed:
    stream = zlib.decompressobj(16 + zlib.MAX_WBITS)
    return lambda data: (stream.decompress(data, INFLATED), stream.eof)
