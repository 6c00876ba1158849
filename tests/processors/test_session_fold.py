"""What a session is, by its parts alone."""

import pytest

from overt_processors.core.sessions import fold, state
from overt_processors.core.sessions.reading import Ended, Expired, News
from overt_schemas.records import Run, Session
from tests.processors.session_world import (
    BOOT,
    DEVICE,
    RULES,
    Log,
    Worker,
    missed,
    plain,
    seen,
    undisturbed,
)

END = Ended(device=DEVICE, boot=BOOT)


def whole(activity: int = 0, start: int = 0, length: int = 3) -> list[News]:
    """Return a session of both streams from first to final."""
    last = start + length - 1
    return [
        seen(n, stream, activity, ("f" if n == start else "") + ("l" if n == last else ""))
        for n in range(start, last + 1)
        for stream in (0, 1)
    ]


def folded(news: list[News], now_ms: int = 100_000) -> list[Session]:
    parts = [(1000 * i, item) for i, item in enumerate(news)]
    return plain(undisturbed(parts, now_ms).values())


def test_a_session_is_complete_with_its_last_missing_batch() -> None:
    (session,) = folded(whole())

    assert (session.state, session.input_batches, session.frame_batches) == ("complete", 3, 3)
    assert (session.opened_ms, session.last_ms) == (0, 5000)
    assert session.streams[1].runs == (Run(first=0, last=2),)


@pytest.mark.parametrize("left_out", range(6))
def test_a_session_without_any_one_of_its_batches_stays_open(left_out: int) -> None:
    news = whole()
    del news[left_out]

    (session,) = folded(news)

    assert session.state == "open"


@pytest.mark.parametrize("order", ["frames late", "frames first", "backwards"])
def test_the_order_of_the_streams_does_not_matter(order: str) -> None:
    news = whole()
    match order:
        case "frames late":
            news.sort(key=lambda n: n.stream)  # type: ignore[union-attr]
        case "frames first":
            news.sort(key=lambda n: -n.stream)  # type: ignore[union-attr]
        case _:
            news.reverse()

    (session,) = folded(news)

    assert (session.state, session.input_batches, session.frame_batches) == ("complete", 3, 3)


def test_a_batch_counts_once_however_often_it_comes() -> None:
    once, thrice = folded(whole()), folded(whole() + whole() + whole())

    assert once == thrice


def test_the_end_of_a_boot_cuts_what_is_open_and_nothing_else() -> None:
    states = [s.state for s in folded([*whole(), seen(3, 0, 1, "f"), END])]

    assert states == ["complete", "cut"]


def test_what_the_other_stream_tells_after_the_end_still_counts() -> None:
    news = whole()
    late = [n for n in news if n.stream == 1]  # type: ignore[union-attr]
    rest = [n for n in news if n.stream == 0]  # type: ignore[union-attr]

    before, after = folded([*news, END]), folded([*rest, END, *late])

    assert [s.state for s in before] == [s.state for s in after] == ["complete"]
    assert before[0].streams == after[0].streams


def test_a_session_that_shows_itself_after_the_end_of_its_boot_is_cut() -> None:
    (_, session) = folded([seen(0, 0, 0, "f"), END, seen(0, 1, 1, "f")])

    assert (session.activity, session.state) == (1, "cut")


def test_tombstones_and_withheld_batches_count_where_they_lie() -> None:
    (session,) = folded(
        [seen(0, 0, 0, "f"), missed(1), seen(2, 0, 0, "l"), seen(0, 1, 0, "f"), missed(1, 1),
         missed(2, 1), seen(3, 1, 0, "l")]
    )  # fmt: skip

    assert (session.state, session.input_batches, session.frame_batches) == ("complete", 3, 4)


def test_a_final_batch_that_was_dropped_on_purpose_is_seen_by_the_next_first() -> None:
    news = whole()
    news[4] = missed(2)

    session = folded([*news, seen(3, 0, 1, "f")])[0]

    assert (session.state, session.input_batches) == ("complete", 3)


def test_a_mark_outside_of_every_session_belongs_to_none() -> None:
    effects = [
        fold.step(state.Memory(rules=RULES), missed(0), 0, 0),
        fold.step(state.Memory(rules=RULES), Expired(), 0, 0),
    ]
    sessions = folded([missed(0), *whole(0, 1), missed(4), missed(9)])

    assert effects == [fold.Effect.UNPLACED, fold.Effect.EXPIRED]
    assert [(s.state, s.input_batches) for s in sessions] == [("complete", 3)]


def test_content_that_comes_after_its_withheld_mark_counts_once_and_brings_its_flags() -> None:
    news = whole()
    (session,) = folded([*news[:4], missed(2), news[5], seen(2, 0, 0, "l")])

    assert (session.state, session.input_batches) == ("complete", 3)


def test_a_device_that_never_returns_is_closed_once() -> None:
    worker = Worker(Log(parts=[(0, seen(0, 0, 0, "f"))]))

    for hours in range(20):
        worker.drain(hours * 600_000)
        worker = Worker(worker.log)

    assert [r.state for r in worker.log.records] == ["open", "silent"]


def test_a_silent_one_is_closed_by_the_time_of_others_too() -> None:
    parts = [(0, seen(0, 0, 0, "f")), (RULES.silent_ms, seen(0, 0, 0, "f", boot=bytes(16)))]

    states = [s.state for s in plain(undisturbed(parts, RULES.silent_ms).values())]

    assert sorted(states) == ["open", "silent"]


def test_who_is_behind_does_not_take_lag_for_silence() -> None:
    news = whole()
    worker = Worker(Log(parts=[(i, item) for i, item in enumerate(news)]))

    for _ in news:
        worker.handle()
        worker.tick(10 * RULES.silent_ms)
        worker.take(10 * RULES.silent_ms)
        worker.write()

    assert [r.state for r in worker.log.records] == ["open", "complete"]


def test_closed_sessions_are_forgotten_when_nothing_of_them_can_repeat() -> None:
    memory = state.Memory(rules=RULES)
    for offset, item in enumerate([*whole(), seen(3, 0, 1, "f"), END]):
        fold.step(memory, item, offset, 0)
    fold.due(memory, 0)
    fold.written(memory)

    fold.tick(memory, RULES.keep_ms - 1, 8)
    kept = len(memory.done) + len(memory.closed)
    fold.tick(memory, RULES.keep_ms + RULES.settle_ms, 8)

    assert kept == 2
    assert [len(memory.done), len(memory.closed), len(memory.boots), len(memory.ended)] == [0] * 4


def flood(boots: int, activities: int) -> list[News]:
    """Return the first batches of a device that begins sessions and ends none."""
    return [
        seen(0 if boots > 1 else 2 * n, 0, n, "f", boot=bytes([b % 256, b // 256, *bytes(14)]))
        for b in range(boots)
        for n in range(activities)
    ]


@pytest.mark.parametrize(("boots", "activities"), [(300, 1), (1, 300)])
def test_a_device_that_begins_sessions_without_end_takes_up_a_bounded_place(
    boots: int, activities: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fold, "_OPEN_LIMIT", 100)
    monkeypatch.setattr(fold, "_CLOSED_LIMIT", 50)
    monkeypatch.setattr(fold, "_BOOT_LIMIT", 20)
    memory, told = state.Memory(rules=RULES), list[Session]()
    good = [seen(n, 0, 7, boot=bytes([9] * 16)) for n in range(300)]
    for offset, pair in enumerate(zip(flood(boots, activities), good, strict=True)):
        for item in pair:
            fold.step(memory, item, offset, 1000 + offset)
        told += fold.due(memory, 1000 + offset)
        fold.written(memory)

    assert len(memory.open) <= 101
    assert len(memory.closed) <= 51
    assert max(map(len, memory.boots.values())) <= 20
    assert sum(map(len, memory.boots.values())) <= 152
    # Whoever goes on is not the oldest: a good session stays open, the others ended once each.
    assert {r.state for r in told if r.boot == bytes([9] * 16)} == {"open"}
    ended = [(r.boot, r.activity) for r in told if r.state == "silent"]
    assert len(ended) == len(set(ended)) >= 190


def test_a_boot_whose_sessions_fill_its_place_still_ends_and_is_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fold, "_BOOT_LIMIT", 20)
    worker = Worker(Log(parts=[(0, item) for item in [*flood(1, 60), Ended(
        device=DEVICE, boot=bytes(16))]]))  # fmt: skip

    worker.drain(0)
    states = [r.state for r in worker.log.newest().values()]
    again = Worker(worker.log)
    for memory in (worker.memory, again.memory):
        fold.tick(memory, RULES.keep_ms + RULES.settle_ms, 61)

        assert [len(memory.closed), len(memory.boots), len(memory.open)] == [0, 0, 0]
    assert sorted(states) == ["cut"] * 20 + ["silent"] * 40


def test_counts_are_written_now_and_then_and_states_at_once() -> None:
    worker = Worker(Log())
    for second in range(90):
        mark = "f" if second == 0 else "l" if second == 85 else ""
        for stream in (0, 1):
            worker.log.parts.append((second * 1000, seen(second, stream, 0, mark)))
            worker.handle()
        worker.take(second * 1000)
        worker.write()

    told = [(r.last_ms // 1000, r.state) for r in worker.log.records]
    assert told == [(0, "open"), (30, "open"), (60, "open"), (85, "complete")]


def test_nothing_is_acknowledged_that_a_record_does_not_tell() -> None:
    worker = Worker(Log(parts=[(1000 * i, seen(i, 0, 0, "f" if i == 0 else "")) for i in range(9)]))
    safe = []
    for second in range(9):
        worker.handle()
        worker.take(1000 * second)
        worker.write()
        safe.append(worker.acked)
    worker.take(31_000)
    worker.write()

    assert safe == [1] * 9
    assert worker.acked == 9


def test_a_record_of_a_worker_that_lost_its_partition_does_not_undo_a_newer_one() -> None:
    log = Log(parts=[(i, item) for i, item in enumerate(whole())])
    old = Worker(log)
    old.handle()
    old.take(0)
    Worker(log).drain(0)
    old.write()

    assert [r.state for r in log.records] == ["complete", "open"]
    assert [r.state for r in log.newest().values()] == ["complete"]


def test_what_is_read_again_after_a_restart_changes_nothing_that_a_record_tells() -> None:
    """The mark lay in no session when it came; now it would."""
    news: list[News] = [seen(0, 0, 0, "f"), missed(2), seen(3)]
    log = Log(parts=[(i, item) for i, item in enumerate(news)])
    Worker(log).drain(0)
    log.committed = 0

    Worker(log).drain(0)

    assert plain(log.newest().values()) == plain(undisturbed(log.parts, 0).values())
