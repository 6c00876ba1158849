from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from overt_schemas.envelope.header import FIRST
from overt_subscriber.batches import BatchSet, Fact, Hole, Notice, OutOfScope, Take, Verdict


def raw(number: int) -> bytes:
    return number.to_bytes(32)


def fact(number: int, **changes: object) -> Fact:
    fields: dict[str, object] = {
        "raw": raw(number + 1), "previous": raw(number) if number else FIRST, "partition": 0,
        "offset": 10 * number, "activity": 0,
    }  # fmt: skip
    return Fact(**{**fields, **changes})  # type: ignore[arg-type]


def taken(steps: Sequence[object]) -> list[int]:
    return [step.number for step in steps if isinstance(step, Take)]


@given(st.permutations(range(8)), st.lists(st.integers(0, 7)), st.integers(1, 8))
def test_any_order_and_any_repeats_hand_on_each_batch_once_in_order(
    order: list[int], late: list[int], every: int
) -> None:
    batches, steps = BatchSet(), []

    for at, number in enumerate([*order, *late]):
        batches.add(number, fact(number))
        if at % every == 0:
            lowest_unknown = next(n for n in range(99) if n not in {k for k, _ in batches})
            steps += batches.advance(lowest_unknown)
    steps += batches.advance(99)

    assert taken(steps) == list(range(8))
    assert batches.breaks == 0


def test_an_unexplained_hole_holds_back_what_lies_behind_it_until_given_up() -> None:
    batches = BatchSet()
    for number in (0, 2):
        batches.add(number, fact(number))

    waiting = batches.advance(3)
    given_up = batches.advance(3, final=True)

    assert waiting == [Take(number=0)]
    assert given_up == [Hole(first=1, last=1, reason="unexplained"), Take(number=2)]


def test_what_fills_a_hole_in_time_is_handed_on_in_its_place() -> None:
    batches = BatchSet()
    for number in (0, 2):
        batches.add(number, fact(number))
    batches.advance(3)

    batches.add(1, fact(1))

    assert taken(batches.advance(3)) == [1, 2]


def test_what_comes_after_its_place_was_given_up_is_late() -> None:
    batches = BatchSet()
    for number in (0, 2):
        batches.add(number, fact(number))
    batches.advance(3, final=True)

    assert batches.add(1, fact(1)) is Verdict.LATE
    assert batches.advance(9) == []


def test_another_raw_hash_is_a_clone_whichever_came_first_and_stays_one() -> None:
    batches = BatchSet()
    batches.add(0, fact(0))

    verdicts = [batches.add(0, fact(0, raw=raw(99))), batches.add(0, fact(0))]

    assert verdicts == [Verdict.CLONE, Verdict.CLONE]
    assert batches.clones == 1
    assert batches.advance(9) == [Hole(first=0, last=0, reason="clone")]


def test_tombstones_signed_by_the_person_win_and_others_lose_in_either_order() -> None:
    table = {
        ("", "age"): Verdict.REPEAT,
        ("age", ""): Verdict.NEW,
        ("", "forget"): Verdict.FORGOTTEN,
        ("forget", ""): Verdict.FORGOTTEN,
        ("opt_out", "cap"): Verdict.FORGOTTEN,
    }

    for (first, second), expected in table.items():
        batches = BatchSet()
        batches.add(0, fact(0, reason=first))
        assert batches.add(0, fact(0, reason=second)) is expected, (first, second)


def test_a_notice_counts_where_raw_records_between_both_neighbours_expired() -> None:
    """It begins at what was committed, and a processor may have written more than that."""
    table = {
        (11, 19): "raw_expired", (10, 19): "raw_expired", (5, 12): "raw_expired",
        (5, 20): "raw_expired", (5, 11): "unexplained", (11, 21): "unexplained",
        (20, 25): "unexplained",
    }  # fmt: skip

    for (start, stop), reason in table.items():
        batches = BatchSet()
        for number in (1, 3):
            batches.add(number, fact(number, offset={1: 10, 3: 20}[number]))
        batches.notice(Notice(partition=0, from_offset=start, to_offset=stop))
        holes = [s for s in batches.advance(9, final=True) if isinstance(s, Hole)]
        assert holes == [Hole(first=2, last=2, reason=reason)], (start, stop)


def test_batches_between_two_activities_that_do_not_touch_are_out_of_scope() -> None:
    batches = BatchSet()
    batches.add(0, fact(0, first=True, final=True, activity=0))
    batches.add(5, fact(5, first=True, activity=2))

    assert batches.advance(9) == [Take(number=0), OutOfScope(first=1, last=4), Take(number=5)]


def test_a_header_that_names_another_hash_than_the_batch_before_has_breaks_the_chain() -> None:
    batches = BatchSet()
    batches.add(0, fact(0))
    batches.add(1, fact(1, previous=raw(77)))

    steps = batches.advance(9)

    assert taken(steps) == [0, 1]
    assert batches.breaks == 1
