"""When objects are cut: by age, by size, by the budget; and what a revoke drops."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overt_sinks import rolling
from overt_sinks.placing import Place
from overt_sinks.rolling import Assigned, Commit, Desk, Limits, Polled, Revoked, Stored, Tick, Write
from overt_sinks.taken import Taken
from tests.sinks.made import aside

LIMITS = Limits(age_ns=1000, object_bytes=10_000, object_records=5, budget_bytes=30_000, writers=2)


def _records(first: int, count: int, *, size: int = 10, at: int = 0) -> list[Taken]:
    return [
        Taken(
            offset=n, append_ms=0, key=b"", headers=(), value=bytes(size), place=None,
            arrived_ns=at,
        )
        for n in range(first, first + count)
    ]  # fmt: skip


def _desk(*partitions: int, limits: Limits = LIMITS) -> Desk:
    desk, _ = rolling.step(Desk(limits=limits), Assigned(starts=dict.fromkeys(partitions, 0)), 0)
    return desk


def _poll(desk: Desk, partition: int, records: list[Taken], now: int = 0):  # type: ignore[no-untyped-def]
    return rolling.step(desk, Polled(records={partition: records}), now)


def test_an_idle_partition_is_cut_once_its_oldest_record_has_waited_long_enough() -> None:
    desk, early = _poll(_desk(0), 0, _records(0, 2))

    desk, late = rolling.step(desk, Tick(), 1000)

    assert early == []
    assert [(w.first, w.last) for w in late if isinstance(w, Write)] == [(0, 1)]


def test_a_full_object_is_cut_at_once() -> None:
    _, by_records = _poll(_desk(0), 0, _records(0, 7))
    _, by_bytes = _poll(_desk(0), 0, _records(0, 3, size=6000))

    assert [(w.first, w.last) for w in by_records if isinstance(w, Write)] == [(0, 4)]
    assert [(w.first, w.last) for w in by_bytes if isinstance(w, Write)] == [(0, 0)]


def test_an_object_begins_where_the_one_before_ended_even_if_offsets_are_missing() -> None:
    desk, _ = _poll(_desk(0), 0, _records(3, 2))

    _, outputs = rolling.step(desk, Tick(), 1000)

    assert [(w.first, w.last) for w in outputs if isinstance(w, Write)] == [(0, 4)]


def test_an_offset_is_committed_when_its_object_stands() -> None:
    desk, _ = _poll(_desk(0), 0, _records(0, 5))

    desk, outputs = rolling.step(desk, Stored(partition=0, last=4), 0)

    assert outputs == [Commit(partition=0, offset=5)]
    assert desk.is_clear


def test_an_adopted_object_that_covers_more_swallows_what_is_read_again() -> None:
    desk, _ = _poll(_desk(0), 0, _records(0, 5))

    desk, _ = rolling.step(desk, Stored(partition=0, last=7), 0)
    desk, _ = _poll(desk, 0, _records(5, 6), now=0)

    assert [r.offset for r in desk.lanes[0].records] == [8, 9, 10]


def test_an_adopted_object_that_covers_less_leaves_the_rest_for_the_next() -> None:
    desk, _ = _poll(_desk(0), 0, _records(0, 5))

    desk, outputs = rolling.step(desk, Stored(partition=0, last=1), 1000)

    assert outputs[0] == Commit(partition=0, offset=2)
    assert [(w.first, w.last) for w in outputs if isinstance(w, Write)] == [(2, 4)]


def test_a_partition_has_one_object_on_its_way() -> None:
    desk, _ = _poll(_desk(0), 0, _records(0, 12))

    _, outputs = rolling.step(desk, Tick(), 5000)

    assert outputs == []


def test_no_more_objects_are_on_their_way_than_there_are_writers() -> None:
    desk = _desk(0, 1, 2)

    writes = []
    for partition in (0, 1, 2):
        desk, outputs = _poll(desk, partition, _records(0, 5))
        writes += [w.partition for w in outputs if isinstance(w, Write)]

    assert writes == [0, 1]


def test_a_full_budget_cuts_the_largest_first_and_pauses_everything() -> None:
    limits = Limits(age_ns=10**9, object_bytes=10**9, budget_bytes=30_000, writers=1)
    desk, _ = _poll(_desk(0, 1, limits=limits), 0, _records(0, 2, size=5000))

    desk, outputs = _poll(desk, 1, _records(0, 4, size=5000))

    assert isinstance(outputs[0], Write)
    assert outputs[0].partition == 1
    assert outputs[1:] == [rolling.Pause()]
    desk, outputs = rolling.step(desk, Stored(partition=1, last=3), 0)
    assert outputs == [Commit(partition=1, offset=4), rolling.Resume()]


def test_what_is_assigned_while_paused_is_paused() -> None:
    desk, _ = _poll(_desk(0), 0, _records(0, 9, size=5000))

    _, outputs = rolling.step(desk, Assigned(starts={1: 0}), 0)

    assert rolling.Pause() in outputs


def test_a_revoke_drops_what_was_held_and_what_comes_after() -> None:
    desk, _ = _poll(_desk(0, 1), 0, _records(0, 5))

    desk, _ = rolling.step(desk, Revoked(partitions=frozenset({0})), 0)
    desk, stored = rolling.step(desk, Stored(partition=0, last=4), 0)
    desk, polled = _poll(desk, 0, _records(5, 5))

    assert (stored, polled) == ([], [])
    assert set(desk.lanes) == {1}


def test_stopping_cuts_everything_at_once() -> None:
    desk, _ = _poll(_desk(0, 1), 0, _records(0, 1))

    _, outputs = rolling.step(desk, rolling.Stop(), 0)

    assert [w.partition for w in outputs if isinstance(w, Write)] == [0]


@pytest.mark.parametrize(("now", "wait"), [(0, 1000), (400, 600), (1000, 0), (9999, 0)])
def test_the_loop_waits_until_the_next_object_is_due(now: int, wait: int) -> None:
    desk, _ = _poll(_desk(0), 0, _records(0, 1))

    assert rolling.wait_ns(desk, now) == wait


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 9), st.booleans()), max_size=60))
def test_whatever_comes_in_whatever_order_each_offset_is_written_once(
    steps: list[tuple[int, int, bool]],
) -> None:
    desk, now = _desk(0, 1, 2), 0
    ends = {0: 0, 1: 0, 2: 0}
    covered: dict[int, list[int]] = {0: [], 1: [], 2: []}
    on_their_way: list[Write] = []

    def note(outputs: list[rolling.Output]) -> None:
        on_their_way.extend(o for o in outputs if isinstance(o, Write))

    for partition, count, finish in steps:
        now += 300
        desk, outputs = _poll(desk, partition, _records(ends[partition], count, at=now), now)
        note(outputs)
        ends[partition] += count
        if finish and on_their_way:
            done = on_their_way.pop(0)
            covered[done.partition] += range(done.first, done.last + 1)
            desk, outputs = rolling.step(
                desk, Stored(partition=done.partition, last=done.last), now
            )
            note(outputs)
    desk, outputs = rolling.step(desk, rolling.Stop(), now)
    note(outputs)
    while on_their_way:
        done = on_their_way.pop(0)
        covered[done.partition] += range(done.first, done.last + 1)
        desk, outputs = rolling.step(desk, Stored(partition=done.partition, last=done.last), now)
        note(outputs)

    assert desk.is_clear
    assert covered == {p: list(range(end)) for p, end in ends.items()}


def test_a_record_that_is_set_aside_counts_like_any_other() -> None:
    desk, _ = _poll(_desk(0), 0, [aside(0), aside(1)])

    _, outputs = rolling.step(desk, Tick(), 1000)

    assert [(w.first, w.last) for w in outputs if isinstance(w, Write)] == [(0, 1)]


PART_1, PART_2, MARK_1, MARK_2, ASIDE = "part 1", "part 2", "mark 1", "mark 2", "aside"
KINDS = (PART_1, PART_2, MARK_1, MARK_2, ASIDE)


def _schemas(*kinds: str, first: int = 0) -> list[Taken]:
    """Records of these classes and schemas, or set aside; the desk looks at nothing else."""
    return [
        aside(at) if kind == ASIDE else _by_schema(at, kind) for at, kind in enumerate(kinds, first)
    ]


def _by_schema(at: int, kind: str) -> Taken:
    name, _, number = kind.partition(" ")
    where = Place(
        kind=name, person="", device="", boot="", activity=0, stream=0, segment=0, batch=0, day=""
    )
    value = b"\0" + int(number).to_bytes(4) + b"sealed"
    return Taken(offset=at, append_ms=0, key=b"", headers=(), value=value, place=where)


def _objects(records: list[Taken], polls: list[int], limits: Limits) -> list[list[Taken]]:
    """What is written of a partition whose records come in polls of these sizes, all in time."""
    desk, now, found, left = _desk(0, limits=limits), 0, list[list[Taken]](), list(records)

    def take(event: rolling.Input) -> None:
        nonlocal desk
        pending: list[rolling.Input] = [event]
        while pending:
            desk, outputs = rolling.step(desk, pending.pop(0), now)
            for write in outputs:
                if isinstance(write, Write):
                    assert write.first == sum(len(done) for done in found)
                    found.append(list(write.records))
                    pending.append(Stored(partition=0, last=write.last))

    for size in polls:
        new, left = left[:size], left[size:]
        take(Polled(records={0: new}))
    take(Polled(records={0: left}))
    take(rolling.Stop())
    assert desk.is_clear
    return found


@pytest.mark.parametrize(
    ("kinds", "lengths"),
    [
        ([PART_1, PART_1, PART_2, PART_2], [2, 2]),
        ([PART_1, MARK_1, PART_1, MARK_1], [4]),
        ([PART_1, MARK_1, MARK_2, PART_1], [2, 2]),
        ([PART_1, ASIDE, ASIDE, PART_2], [3, 1]),
        ([ASIDE, ASIDE], [2]),
        ([PART_1, PART_2, PART_1, PART_2], [1, 1, 1, 1]),
    ],
    ids=["another", "parts and marks", "another mark", "set aside", "only set aside", "to and fro"],
)
def test_a_new_schema_starts_a_new_object(kinds: list[str], lengths: list[int]) -> None:
    roomy = Limits(object_records=100, object_bytes=10**6, budget_bytes=10**7)

    found = _objects(_schemas(*kinds), [len(kinds)], roomy)

    assert [len(records) for records in found] == lengths


@given(
    st.lists(st.sampled_from(KINDS), max_size=40), st.lists(st.integers(0, 9), max_size=12),
    st.integers(1, 9),
)  # fmt: skip
def test_whatever_schemas_come_an_object_has_one_of_each_class_and_no_offset_is_missing(
    kinds: list[str], polls: list[int], most: int
) -> None:
    records = _schemas(*kinds)
    limits = Limits(object_records=most, object_bytes=10**6, budget_bytes=10**7)

    found = _objects(records, polls, limits)

    assert [record for object_ in found for record in object_] == records
    for object_ in found:
        by_class = {record.schema for record in object_ if record.schema is not None}
        assert len({is_part for is_part, _ in by_class}) == len(by_class)


@given(st.lists(st.sampled_from(KINDS), max_size=40))
def test_where_schemas_end_an_object_does_not_depend_on_when_records_came(
    kinds: list[str],
) -> None:
    # Nothing is cut before Stop by age or size: only the schemas decide.
    roomy = Limits(object_records=1000, object_bytes=10**6, budget_bytes=10**7)

    at_once = _objects(_schemas(*kinds), [len(kinds)], roomy)
    one_by_one = _objects(_schemas(*kinds), [1] * len(kinds), roomy)

    assert at_once == one_by_one
    for ended, begun in itertools.pairwise(at_once):
        # None ended early: the next record would have been its second schema of a class.
        first = begun[0].schema
        assert first is not None
        assert any(r.schema is not None and r.schema[0] == first[0] for r in ended)
        assert first not in {record.schema for record in ended}
