"""Two readers were shown the same only if every event of every session is the same, in order."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overt_ops.demo.transcript import Transcript, percentile

EVENTS = st.lists(
    st.fixed_dictionaries({"session": st.sampled_from("ab"), "seq": st.integers(0, 9)}), max_size=9
)


def transcript(events: Sequence[dict[str, Any]]) -> Transcript:
    made = Transcript()
    for event in events:
        made.add(event)
    return made


@given(events=EVENTS, late=st.integers(0, 9000))
def test_how_late_an_event_was_shown_is_no_part_of_it(
    events: list[dict[str, Any]], late: int
) -> None:
    shown = [{**event, "latency_ms": late} for event in events]

    assert transcript(shown) == transcript(events)
    assert transcript(shown).events == len(events)


@given(one=EVENTS, other=EVENTS)
def test_equal_means_each_session_is_the_same_in_order(
    one: list[dict[str, Any]], other: list[dict[str, Any]]
) -> None:
    def by_session(events: list[dict[str, Any]]) -> list[list[int]]:
        return [[event["seq"] for event in events if event["session"] == name] for name in "ab"]

    assert (transcript(one) == transcript(other)) == (by_session(one) == by_session(other))


def test_sessions_may_be_interleaved_in_any_way() -> None:
    first = [{"session": "a", "seq": n} for n in range(3)]
    second = [{"session": "b", "seq": n} for n in range(3)]
    turned = [event for pair in zip(second, first, strict=True) for event in pair]

    assert transcript([*first, *second]) == transcript(turned)


@pytest.mark.parametrize(
    ("count", "share", "expected"),
    [(1, 0.5, 1), (1, 0.99, 1), (100, 0.5, 50), (100, 0.99, 99), (101, 0.99, 100), (2, 0.5, 1)],
)
def test_a_percentile_is_a_value_that_was_seen(count: int, share: float, expected: int) -> None:
    values = range(count, 0, -1)

    assert percentile(values, share) == expected


def test_of_nothing_there_is_no_percentile() -> None:
    assert percentile([], 0.5) is None
