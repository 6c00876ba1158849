"""The schedule of kills: everything is struck as often as promised, and in time."""

from collections import Counter
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tests.walk.chaos import Target, Trial, schedule, trials

seeds, rounds = st.integers(0, 1 << 32), st.integers(1, 6)


@given(seeds, rounds)
def test_every_target_is_struck_once_a_round_within_the_time_there_is(seed: int, n: int) -> None:
    strikes = schedule(seed, n, 5.0, 45.0)

    assert Counter(s.target for s in strikes) == dict.fromkeys(Target, n)
    assert all(5.0 <= s.at_s <= 45.0 for s in strikes)
    assert all(before.at_s < after.at_s for before, after in pairwise(strikes))


@given(seeds, rounds)
def test_no_service_is_struck_twice_in_a_row(seed: int, n: int) -> None:
    strikes = schedule(seed, n, 0.0, 1.0)

    assert all(a.target.service != b.target.service for a, b in pairwise(strikes))


@given(seeds)
def test_the_same_seed_gives_the_same_schedule(seed: int) -> None:
    assert schedule(seed, 2, 0.0, 60.0) == schedule(seed, 2, 0.0, 60.0)


@given(seeds, rounds)
def test_every_trial_comes_once_a_round_and_in_time(seed: int, n: int) -> None:
    ordeals = trials(seed, n, 5.0, 45.0)

    assert Counter(o.trial for o in ordeals) == dict.fromkeys(Trial, n)
    assert all(5.0 <= o.at_s <= 45.0 for o in ordeals)
    assert trials(seed, n, 5.0, 45.0) == ordeals
