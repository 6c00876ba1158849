"""Which offsets of a partition were met: a bit each, so a million records take 125 KB. Pure.

Objects of the warm tier hold offsets far apart (a person's, a day long), and they come in no order.
A set or a list of intervals would grow with how they are scattered; bits grow with their range.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]

# 128 KiB: a stretch of offsets nobody met costs nothing, one that was met is kept whole.
CHUNK = 1 << 20


class Offsets:
    """Offsets met so far; not safe for several threads."""

    __slots__ = ("_chunks",)

    def __init__(self) -> None:
        self._chunks: dict[int, NDArray[np.uint8]] = {}

    def add(self, offsets: Numbers) -> Numbers:
        """Add offsets; return those that were met before, or stand twice among them."""
        unique, counts = np.unique(offsets, return_counts=True)
        again = [unique[counts > 1]]
        for number, mine in _by_chunk(unique):
            chunk = self._chunks.get(number)
            if chunk is None:
                chunk = self._chunks[number] = np.zeros(CHUNK // 8, np.uint8)
            byte, bit = _place(mine)
            again.append(mine[(chunk[byte] & bit) != 0])
            np.bitwise_or.at(chunk, byte, bit)
        return np.unique(np.concatenate(again))

    def holds(self, offsets: Numbers) -> NDArray[np.bool_]:
        """Return, offset by offset, whether it was met."""
        found = np.zeros(len(offsets), np.bool_)
        numbers = offsets // CHUNK
        for number in np.unique(numbers):
            chunk = self._chunks.get(int(number))
            if chunk is not None:
                at = numbers == number
                byte, bit = _place(offsets[at])
                found[at] = (chunk[byte] & bit) != 0
        return found

    def stretches(self, first: int, last: int, *, met: bool) -> Iterator[tuple[int, int]]:
        """Yield the longest stretches of [first, last] that were met, or that were not."""
        begun = -1
        for start in range(first // CHUNK * CHUNK, last + 1, CHUNK):
            low, high = max(first, start), min(last, start + CHUNK - 1)
            wanted = self._bits(start // CHUNK)[low - start : high - start + 1] == met
            edges = np.flatnonzero(np.diff(wanted)) + 1
            for begin in (0, *edges):
                if wanted[begin]:
                    begun = low + int(begin) if begun < 0 else begun
                elif begun >= 0:
                    yield begun, low + int(begin) - 1
                    begun = -1
        if begun >= 0:
            yield begun, last

    def within(self, first: int, last: int) -> Iterator[tuple[int, int]]:
        """Yield the stretches of [first, last] that were met; quick where nothing was."""
        for number in sorted(self._chunks):
            low, high = max(first, number * CHUNK), min(last, (number + 1) * CHUNK - 1)
            if low <= high:
                yield from self.stretches(low, high, met=True)

    def _bits(self, number: int) -> NDArray[np.bool_]:
        chunk = self._chunks.get(number)
        if chunk is None:
            return np.zeros(CHUNK, np.bool_)
        return np.unpackbits(chunk, bitorder="little").view(np.bool_)


def spread(ranges: Iterator[tuple[int, int]] | list[tuple[int, int]]) -> Numbers:
    """Return the offsets of several ranges."""
    pieces = [np.arange(first, last + 1, dtype=np.int64) for first, last in ranges]
    return np.concatenate(pieces) if pieces else np.zeros(0, np.int64)


def ranges(offsets: Numbers) -> list[tuple[int, int]]:
    """Return the stretches of neighbours among offsets, in order."""
    if not len(offsets):
        return []
    ordered = np.unique(offsets)
    cuts = np.flatnonzero(np.diff(ordered) > 1)
    firsts, lasts = ordered[np.r_[0, cuts + 1]], ordered[np.r_[cuts, len(ordered) - 1]]
    return [(int(first), int(last)) for first, last in zip(firsts, lasts, strict=True)]


def _by_chunk(ordered: Numbers) -> Iterator[tuple[int, Numbers]]:
    """Yield offsets, which are in order, chunk by chunk."""
    if not len(ordered):
        return
    numbers = ordered // CHUNK
    cuts = np.flatnonzero(np.diff(numbers)) + 1
    for mine in np.split(ordered, cuts):
        yield int(mine[0] // CHUNK), mine


def _place(offsets: Numbers) -> tuple[Numbers, NDArray[np.uint8]]:
    at = offsets % CHUNK
    return at >> 3, np.left_shift(1, at & 7).astype(np.uint8)
