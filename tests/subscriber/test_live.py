"""From the store into the feed: no hole, no repeat, whatever feed and store do."""

from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from overt_schemas.errors import Refused
from overt_schemas.ids import Stream
from overt_subscriber import Event, Gap, Session
from overt_subscriber.sessions import State
from tests.subscriber.authority_twin import read_all
from tests.subscriber.live_world import Value, World, by_stream, read_live
from tests.subscriber.sealing import Device, empty_frames, key_events, notice, session

WORDS = ("he", "llo", "", "wor", "ld", "!")
Step = Callable[[World], object]


def feed(*values: Value) -> Step:
    return lambda world: world.ready.extend(values)


def sink(upto: int) -> Step:
    return lambda world: setattr(world, "visible", max(world.visible, upto))


def more(count: int) -> Step:
    return lambda world: setattr(world, "visible", min(world.visible + count, len(world.values)))


def away(is_away: bool) -> Step:
    return lambda world: setattr(world, "is_away", is_away)


def nothing(_world: World) -> None:
    pass


def eventful() -> list[Value]:
    """Two devices; of the first three activities with holes of every kind, and its boot's end."""
    first, second = Device(), Device(device=bytes([7]) * 16)
    values: list[Value] = list(session(first, WORDS))
    values[4] = first.tombstone(Stream.INPUT, "age", 2)
    values[7] = first.withheld(Stream.FRAME, "no_consent", 3)
    first.activity = 1
    session(first, ("someone", "else"))  # of another person: not granted, never seen
    first.activity = 2
    later: list[Value] = list(session(first, ("a", "b", "c", "d")))
    del later[4]  # lost, and nobody knows why
    values += later
    values.insert(12, notice("overt.input.v1", 900, 901))
    first.activity = 3
    values += session(first, ("x", "y"))[:2]
    values.append(first.end(first.batches[Stream.INPUT] - 1, first.batches[Stream.FRAME] - 1))
    others: list[Value] = list(session(second, WORDS))
    return [v for pair in zip(values, others + values[len(others) :], strict=False) for v in pair][
        : 2 * len(others)
    ] + values[len(others) :]


VALUES = eventful()


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_store_and_feed_give_the_sequence_of_the_store_alone(data: st.DataObject) -> None:
    expected, undisturbed = read_all(VALUES)
    feed_at = data.draw(st.integers(0, len(VALUES)), label="feed begins")
    left_out = data.draw(st.sets(st.integers(0, len(VALUES))), label="left out by the feed")
    actions = data.draw(
        st.lists(
            st.tuples(
                st.sampled_from(["feed", "feed", "feed", "sink", "back", "away", "here", "wait"]),
                st.integers(1, 6),
            ),
            max_size=40,
        )
    )

    def happen(at: int = feed_at) -> Iterator[Step]:
        for what, count in actions:
            if what == "feed":
                rows = [v for n, v in enumerate(VALUES[at : at + count], at) if n not in left_out]
                at = min(at + count, len(VALUES))
                yield feed(*rows)
            elif what == "sink":
                yield more(count)
            elif what == "back":
                at = max(0, at - count)
                yield nothing
            elif what in ("away", "here"):
                yield away(what == "away")
            else:
                yield nothing

    world = World(VALUES, visible=data.draw(st.integers(0, len(VALUES))), steps=happen())

    items, report = read_live(world)

    assert by_stream(items) == by_stream(expected)
    summary = report.to_json()
    whole = undisturbed.to_json()
    for name in ("read", "lost", "duplicated", "out_of_order", "late", "holes", "gaps", "complete",
                 "cut", "open", "red", "chain_breaks", "killed"):  # fmt: skip
        assert summary[name] == whole[name], name


def test_a_part_of_the_feed_is_handed_on_before_the_store_has_it() -> None:
    values = session(Device(), WORDS)
    seen: list[int] = []
    world = World(values, steps=iter([nothing, feed(*values[:6]), nothing]))

    for item in world.subscription():
        if isinstance(item, Event):
            seen.append(world.visible)

    assert seen[:5] == [0] * 5


def test_a_hole_in_the_feed_waits_for_the_store_and_nothing_behind_it_comes_first() -> None:
    values = session(Device(), WORDS)
    steps = [nothing, feed(*values[:2], *values[4:]), *[nothing] * 30]
    world = World(values, steps=iter(steps))
    typed: list[tuple[int, int]] = []

    for item in world.subscription():
        if isinstance(item, Event):
            typed.append((item.seq, world.visible))

    assert [seq for seq, _ in typed] == list(range(11))
    assert {visible for seq, visible in typed if seq < 2} == {0}
    assert {visible for seq, visible in typed if seq >= 2} == {len(values)}


def test_a_session_is_told_complete_from_the_feed_alone() -> None:
    values = session(Device(), WORDS)
    world = World(values, steps=iter([nothing, feed(*values), *[nothing] * 30]))

    told = [world.visible for item in world.subscription() if isinstance(item, Session)]

    assert told == [0]


def test_a_mark_waits_for_the_store_as_content_may_win_over_it() -> None:
    device = Device()
    values: list[Value] = list(session(device, WORDS))
    mark = device.tombstone(Stream.INPUT, "age", 3)
    values_with_mark = [*values[:6], mark, *values[7:], values[6]]
    world = World(values_with_mark, steps=iter([nothing, feed(*values_with_mark)]))

    items, report = read_live(world)

    assert "".join(chr(i.keysym) for i in items if isinstance(i, Event)) == "helloworld!"
    assert report.late == 0
    assert not [item for item in items if isinstance(item, Gap)]


def test_a_read_that_ends_behind_a_hole_of_the_feed_calls_nothing_lost() -> None:
    values = session(Device(), WORDS)
    world = World(values, visible=4, steps=iter([nothing, feed(*values[8:]), *[nothing] * 99]))
    subscription = world.subscription()
    subscription._until = lambda _report: world.clock.now_s > 5

    items = list(subscription)

    assert [item.state for item in items if isinstance(item, Session)] == [State.OPEN]
    assert (subscription.report.lost, subscription.report.holes) == (0, 0)
    assert not [item for item in items if isinstance(item, Gap)]


def test_what_does_not_fit_ahead_of_the_store_comes_from_the_store_later() -> None:
    device = Device()
    words = [f"word{at}" for at in range(40)]
    values = session(device, words)
    steps = [nothing, feed(*values[:2], *values[4:]), *[nothing] * 15]
    world = World(values, steps=iter(steps))

    items, report = read_live(world, held_bytes=40_000)

    assert by_stream(items) == by_stream(read_all(values)[0])
    assert report.is_sound


def test_a_feed_that_is_not_there_costs_time_and_nothing_else() -> None:
    values = session(Device(), WORDS)
    steps = [away(True), sink(4), *[nothing] * 40, sink(8), *[nothing] * 20]
    world = World(values, steps=iter(steps))

    items, report = read_live(world)

    assert by_stream(items) == by_stream(read_all(values)[0])
    assert (world.opened, report.is_sound) == (0, True)


def test_a_broker_that_was_away_is_survived_and_the_feed_opened_again() -> None:
    values = session(Device(), WORDS)
    steps = [
        nothing, feed(*values[:4]), away(True), *[nothing] * 20, away(False), *[nothing] * 20,
        feed(*values[4:]), *[nothing] * 5,
    ]  # fmt: skip
    world = World(values, steps=iter(steps))

    items, report = read_live(world)

    assert by_stream(items) == by_stream(read_all(values)[0])
    assert (world.opened, report.is_sound) == (2, True)


def test_the_end_of_a_grant_ends_the_iteration_with_the_authoritys_code() -> None:
    values = session(Device(), WORDS)

    def end(world: World) -> None:
        world.refusal, world.is_away = "grant_expired", True

    world = World(values, steps=iter([nothing, feed(*values[:4]), nothing, end]))
    asked_s = 0.0
    seen = 0

    items = iter(world.subscription())
    while seen < 5:
        next(items)
        seen, asked_s = seen + 1, world.clock.now_s
    with pytest.raises(Refused) as refused:
        next(items)

    assert refused.value.reason == "grant_expired"
    assert world.clock.now_s - asked_s < 2.0
    assert world.closed > 0


def test_repeats_between_store_and_feed_are_no_repeats_in_the_account() -> None:
    values = session(Device(), WORDS)
    world = World(values, visible=4, steps=iter([nothing, feed(*values), feed(*values[:2])]))

    _, report = read_live(world)

    assert (report.repeats, report.parts) == (2, len(values) + 2)


def test_closing_the_iterator_closes_the_feed() -> None:
    values = session(Device(), WORDS)
    world = World(values, steps=iter([nothing, feed(*values[:4])]))
    blocks = iter(world.subscription())
    next(blocks)

    blocks.close()  # type: ignore[attr-defined]

    assert world.closed == 1


def test_a_stream_that_begins_in_the_middle_waits_until_the_store_says_where() -> None:
    device = Device()
    session(device, ("not", "ours"))
    device.activity = 1
    mine: list[Value] = [
        device.seal(key_events(7, "z", activity=1, first=True, final=True)),
        device.seal(empty_frames(1, first=True, final=True)),
    ]
    world = World(mine, steps=iter([nothing, feed(*mine), *[nothing] * 20]))

    seen = [world.visible for item in world.subscription() if isinstance(item, Event)]

    assert seen == [len(mine)]
