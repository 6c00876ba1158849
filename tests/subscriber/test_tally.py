from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from overt_subscriber.tally import Ranges, Tally


def seqs(first: int, stop: int) -> np.ndarray:
    return np.arange(first, stop, dtype=np.int64)


@given(st.lists(st.integers(0, 30)))
def test_ranges_are_a_set_of_numbers_in_as_few_ranges_as_it_takes(numbers: list[int]) -> None:
    ranges, known = Ranges(), set[int]()

    for number in numbers:
        assert ranges.add(number) is (number not in known)
        known.add(number)

    spans = list(zip(ranges.starts, ranges.stops, strict=True))
    assert {n for start, stop in spans for n in range(start, stop)} == known
    assert all(stop < start for (_, stop), (start, _) in pairwise(spans))


def test_events_missing_between_two_batches_are_lost_without_a_label() -> None:
    tally = Tally()

    tally.take(0, seqs(0, 5), 0)
    tally.take(8, seqs(8, 9), 0)

    assert (tally.read, tally.lost, tally.last_seq) == (6, 3, 8)


def test_events_missing_behind_a_labelled_hole_have_its_label() -> None:
    tally = Tally()

    tally.take(0, seqs(0, 5), 0)
    tally.passed("age")
    tally.take(8, seqs(8, 9), 0)

    assert (tally.lost, dict(tally.dropped)) == (0, {"age": 3})


def test_an_unexplained_hole_does_not_hide_beside_a_labelled_one() -> None:
    tally = Tally()

    tally.take(0, seqs(0, 5), 0)
    tally.passed("unexplained")
    tally.passed("age")
    tally.take(8, seqs(8, 9), 0)

    assert tally.lost == 3


def test_thinned_events_are_not_missing() -> None:
    tally = Tally()

    tally.take(0, np.array([0, 3, 4], np.int64), 2)
    tally.take(5, seqs(5, 6), 0)

    assert (tally.read, tally.lost, tally.out_of_order, tally.duplicated) == (4, 0, 0, 0)


def test_what_no_gap_explains_within_a_batch_is_lost_whatever_lies_behind_it() -> None:
    tally = Tally()

    tally.take(0, np.array([0, 3, 4], np.int64), 1)
    tally.passed("age")
    tally.take(7, seqs(7, 8), 0)

    assert (tally.lost, tally.thinned, dict(tally.dropped)) == (1, 1, {"age": 2})


def test_what_was_thinned_does_not_come_later() -> None:
    tally = Tally()
    tally.take(0, np.array([0, 3, 4], np.int64), 2)

    fresh = tally.take(1, np.array([1, 5], np.int64), 3)

    assert fresh.tolist() == [False, True]
    assert tally.duplicated == 1


@pytest.mark.parametrize(
    ("before", "numbers", "thinned", "missing"),
    [
        (-1, [7, 8, 9], 0, 0), (6, [7, 9], 1, 0), (-1, [7, 9, 12], 1, 2), (5, [7, 8], 0, 1),
        (7, [7, 7, 8], 0, 0), (-1, [], 0, 0), (7, [], 0, 0),
    ],
    ids=["whole", "thinned", "more", "before", "chunks", "empty", "nothing-new"],
)  # fmt: skip
def test_frames_between_others_are_missing_unless_a_gap_says_thinned(
    before: int, numbers: list[int], thinned: int, missing: int
) -> None:
    tally = Tally()

    tally.take_frames(before, numbers, thinned)

    assert tally.frames_missing == missing


def test_a_seq_that_comes_twice_is_new_once_and_one_out_of_order_is_counted() -> None:
    tally = Tally()
    tally.take(0, seqs(0, 3), 0)

    again = tally.take(1, seqs(1, 4), 0)
    swapped = tally.take(4, np.array([5, 4], np.int64), 0)

    assert again.tolist() == [False, False, True]
    assert swapped.tolist() == [True, True]
    assert (tally.read, tally.duplicated, tally.out_of_order) == (6, 2, 1)
