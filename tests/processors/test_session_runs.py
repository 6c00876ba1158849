"""A set of numbers is a set, however they come."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from overt_processors.core.sessions import runs
from overt_processors.core.sessions.runs import LIMIT, Added, Runs


@given(st.lists(st.integers(0, 40), max_size=80))
def test_any_order_and_any_repeat_give_the_set(numbers: list[int]) -> None:
    held: Runs = []
    known: set[int] = set()

    for number in numbers:
        assert runs.add(held, number) is (Added.KNOWN if number in known else Added.NEW)
        known.add(number)

    assert {n for first, last in held for n in range(first, last + 1)} == known
    assert runs.count(held) == len(known)
    assert all(runs.holds(held, n) == (n in known) for n in range(42))
    assert all(a[1] + 1 < b[0] for a, b in pairwise(held))
    assert runs.from_records(runs.to_records(held)) == held


def test_a_set_full_of_holes_takes_what_joins_a_run_and_nothing_else() -> None:
    held: Runs = []
    for number in range(0, 2 * LIMIT, 2):
        runs.add(held, number)

    assert runs.add(held, 2 * LIMIT + 10) is Added.OVER
    assert runs.add(held, 2 * LIMIT - 1) is Added.NEW
    assert runs.add(held, 1) is Added.NEW
    assert len(held) == LIMIT - 1
    assert runs.add(held, 2 * LIMIT + 10) is Added.NEW
