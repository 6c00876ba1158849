"""Offsets that are gone: each once, whatever is said twice, in as few rows as there can be."""

from itertools import pairwise

import hypothesis.strategies as st
import pytest
from hypothesis import given

from overt_sinks.index import Index, gone_rows
from overt_sinks.index.ranges import Gone, joined, settle
from tests.sinks.made import TOPIC_ID

RANGES = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 5)).map(lambda at: (at[0], at[0] + at[1])),
    max_size=8,
)
ORDERS = st.lists(st.tuples(RANGES, st.sampled_from(["erased", "expired"])), max_size=5)


def _model(orders: list[tuple[list[tuple[int, int]], str]]) -> dict[int, str]:
    gone: dict[int, str] = {}
    for ranges, why in orders:
        for first, last in ranges:
            for offset in range(first, last + 1):
                gone.setdefault(offset, why)
    return gone


def _offsets(rows: list[Gone]) -> dict[int, str]:
    spread = [(offset, row.why) for row in rows for offset in range(row.first, row.last + 1)]
    assert len(spread) == len(dict(spread))  # no offset in two rows
    return dict(spread)


@given(RANGES)
def test_joined_ranges_cover_the_same_and_never_touch(ranges: list[tuple[int, int]]) -> None:
    found = joined(ranges)

    assert {n for a, b in found for n in range(a, b + 1)} == {
        n for a, b in ranges for n in range(a, b + 1)
    }
    assert all(before[1] + 1 < after[0] for before, after in pairwise(found))


@given(ORDERS)
def test_an_offset_keeps_the_first_reason_and_neighbours_are_one_row(
    orders: list[tuple[list[tuple[int, int]], str]],
) -> None:
    rows: list[Gone] = []

    for at_ms, (ranges, why) in enumerate(orders):
        rows = settle(rows, ranges, why, at_ms)

    assert _offsets(rows) == _model(orders)
    assert not any(
        before.why == after.why and before.last + 1 == after.first
        for before, after in pairwise(rows)
    )


@pytest.mark.parametrize("at_once", [1, 500], ids=["one by one", "many at once"])
def test_the_table_holds_what_the_rules_say(
    index: Index, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(gone_rows, "_AT_ONCE", at_once)
    orders = [
        ([(5, 9), (20, 20)], "erased"), ([(0, 30)], "expired"), ([(40, 41)], "erased"),
        ([(31, 39)], "expired"), ([(42, 50), (52, 60)], "erased"), ([(45, 55)], "erased"),
    ]  # fmt: skip

    for at_ms, (ranges, why) in enumerate(orders):
        for _ in range(2):  # given again after a crash
            with index.transaction(writes=True) as db:
                gone_rows.add(db, TOPIC_ID, 2, ranges, why, at_ms)
    with index.transaction(writes=True) as db:
        gone_rows.add(db, TOPIC_ID, 3, [(7, 7)], "erased", 9)

    with index.transaction() as db:
        rows = list(gone_rows.all_gone(db))
    assert _offsets([row.gone for row in rows if row.kafka_part == 2]) == _model(orders)
    assert [(row.gone.first, row.gone.last) for row in rows if row.kafka_part == 3] == [(7, 7)]
    assert [(row.gone.first, row.gone.last, row.gone.why) for row in rows[:-1]] == [
        (0, 4, "expired"), (5, 9, "erased"), (10, 19, "expired"), (20, 20, "erased"),
        (21, 39, "expired"), (40, 60, "erased"),
    ]  # fmt: skip
