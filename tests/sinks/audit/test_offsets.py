"""Bits say what a set would say."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from overt_sinks.audit.offsets import CHUNK, Offsets, ranges, spread

# Around the borders of chunks, where mistakes would be.
NUMBERS = st.one_of(
    st.integers(0, 40), st.integers(CHUNK - 20, CHUNK + 20), st.integers(0, 1 << 40)
)
BATCHES = st.lists(st.lists(NUMBERS, max_size=12), max_size=6)


def numbers(values: list[int]) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    return np.array(values, np.int64)


@given(BATCHES)
def test_what_was_met_before_is_told_and_what_is_met_is_known(batches: list[list[int]]) -> None:
    offsets, model = Offsets(), set[int]()

    for batch in batches:
        again = {n for n in batch if n in model or batch.count(n) > 1}
        assert set(offsets.add(numbers(batch)).tolist()) == again
        model |= set(batch)
        asked = [*batch, 7, CHUNK]
        assert offsets.holds(numbers(asked)).tolist() == [n in model for n in asked]


@given(st.lists(st.one_of(st.integers(0, 40), st.integers(CHUNK - 20, CHUNK + 20))), st.booleans())
def test_stretches_are_the_longest_there_are(batch: list[int], met: bool) -> None:
    offsets = Offsets()
    offsets.add(numbers(batch))
    low, high = 3, CHUNK + 9

    found = list(offsets.stretches(low, high, met=met))

    inside = [n for n in batch if low <= n <= high]
    wanted = ranges(numbers(inside))
    if not met:
        wanted = _between(wanted, low, high)
    assert found == wanted


def _between(held: list[tuple[int, int]], low: int, high: int) -> list[tuple[int, int]]:
    edges = [low, *[n for first, last in held for n in (first, last + 1)], high + 1]
    return [(a, b - 1) for a, b in zip(edges[::2], edges[1::2], strict=True) if a < b]


@given(st.lists(NUMBERS))
def test_ranges_and_their_offsets_are_the_same(batch: list[int]) -> None:
    assert spread(ranges(numbers(batch[:20]))).tolist() == sorted(set(batch[:20]))


def test_a_million_offsets_take_a_bit_each_however_scattered() -> None:
    offsets = Offsets()
    every = np.random.default_rng(1).permutation(1_000_000).astype(np.int64)

    for part in np.array_split(every, 1000):
        assert not len(offsets.add(part))

    assert list(offsets.stretches(0, 999_999, met=True)) == [(0, 999_999)]
    assert sum(chunk.nbytes for chunk in offsets._chunks.values()) == CHUNK // 8
