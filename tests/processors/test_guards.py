"""The three that end a worker which may not be trusted any more: guard, watchdog, backoff."""

from hypothesis import given
from hypothesis import strategies as st

from overt_processors.backoff import Backoff
from overt_processors.guard import Guard
from overt_processors.watchdog import LEAST_S, Watch


def test_a_jump_over_the_committed_offset_is_seen_at_the_first_record() -> None:
    guard = Guard()

    assert guard.jumped("tp", 12, committed=10) == 10


def test_a_jump_between_records_is_seen() -> None:
    guard = Guard()
    guard.jumped("tp", 10, committed=10)

    assert guard.jumped("tp", 12, committed=10) == 11


def test_partitions_do_not_answer_for_each_other() -> None:
    guard = Guard()
    guard.jumped("a", 10, committed=10)

    assert guard.jumped("b", 50, committed=50) is None


def test_reading_again_is_no_jump() -> None:
    guard = Guard()
    guard.jumped("tp", 10, committed=10)
    guard.jumped("tp", 11, committed=10)

    assert guard.jumped("tp", 10, committed=10) is None
    assert guard.jumped("tp", 11, committed=10) is None


def test_after_a_revoke_the_committed_offset_counts_again() -> None:
    guard = Guard()
    guard.jumped("tp", 10, committed=10)
    guard.clear()

    assert guard.jumped("tp", 40, committed=40) is None


@given(st.lists(st.integers(0, 20), min_size=1))
def test_whatever_comes_no_offset_is_passed_over_unseen(offsets: list[int]) -> None:
    guard, seen, reached = Guard(), set[int](), 0

    for offset in offsets:
        if guard.jumped("tp", offset, committed=0) is not None:
            break
        seen.add(offset)
        reached = max(reached, offset + 1)

    assert seen == set(range(reached))


def watch_over(rows: list[tuple[float, int, int]]) -> object:
    watch, late = Watch(interval_s=1.0), None
    for now_s, processed, committed in rows:
        watch, late = watch.step({"tp": processed}, {"tp": committed}, now_s)
    return late


def test_commits_that_stand_still_behind_what_is_acknowledged_are_seen() -> None:
    assert watch_over([(0, 5, 3), (5, 6, 3), (LEAST_S, 7, 3)]) == "tp"


def test_commits_that_follow_slowly_are_not_standing_still() -> None:
    assert watch_over([(0, 5, 3), (9, 9, 4), (18, 12, 5)]) is None


def test_nothing_to_commit_is_not_standing_still() -> None:
    assert watch_over([(0, 5, 5), (60, 5, 5)]) is None


def test_a_commit_starts_the_patience_anew() -> None:
    assert watch_over([(0, 5, 3), (8, 9, 9), (12, 12, 9), (15, 12, 9)]) is None


def test_a_group_that_never_committed_is_watched_too() -> None:
    watch, late = Watch(interval_s=1.0), None
    for now_s in (0.0, LEAST_S):
        watch, late = watch.step({"tp": 5}, {"tp": None}, now_s)

    assert late == "tp"


def test_waits_grow_and_are_bounded() -> None:
    backoff, waits = Backoff(limit_s=10.0), []
    for _ in range(40):
        wait_s, backoff = backoff.next()
        waits.append(wait_s)

    assert 0.1 <= waits[0] <= 0.2
    assert all(5.0 <= wait <= 10.0 for wait in waits[10:])
