"""Recorded X events to input events, without an X server."""

from hypothesis import given
from hypothesis import strategies as st

from overt_producer.sources import InputKind, RawInput
from overt_producer.sources.x11.assemble import Assembler, Heard, is_accepted
from overt_producer.sources.x11.keymap import Keymap, KeymapHistory
from overt_producer.sources.x11.servertime import WRAP, ServerClock

A, SHIFT_L, NUM, KP_1, RETURN, DEAD = 38, 50, 77, 87, 36, 34
ROWS = {
    A: (ord("a"), ord("A"), 0x06C6, 0x06E6, 0xE6, 0xC6),
    SHIFT_L: (0xFFE1,),
    NUM: (0xFF7F,),
    KP_1: (0xFF9C, 0xFFB1),
    RETURN: (0xFF0D,),
    DEAD: (0xFE57, 0xFE52),
}
US = Keymap(
    generation=0,
    first=8,
    rows=tuple(ROWS.get(code, ()) for code in range(8, 120)),
    level3=0x80,
    numlock=0x10,
)
MAPS = KeymapHistory(maps=((0, US),))
NOW = 5_000_000
CLOCK = ServerClock(offset_ms=0)


def key(code: int, time: int, *, is_down: bool = True, state: int = 0) -> Heard:
    return Heard(2 if is_down else 3, code, time, 1, 2, state, False)


def assembled(*heard: Heard, until: int | None = None) -> list[RawInput]:
    assembler = Assembler(clock=CLOCK)
    assembler.add(heard, MAPS, NOW)
    return assembler.take(until)


def test_keysyms_follow_shift_lock_level_three_group_and_keypad() -> None:
    found = {
        "plain": US.keysym(A, 0),
        "shift": US.keysym(A, 0x01),
        "lock": US.keysym(A, 0x02),
        "shift and lock": US.keysym(A, 0x03),
        "level 3": US.keysym(A, 0x80),
        "level 3 shift": US.keysym(A, 0x81),
        "group 2": US.keysym(A, 1 << 13),
        "keypad": US.keysym(KP_1, 0),
        "keypad numlock": US.keysym(KP_1, 0x10),
        "keypad numlock shift": US.keysym(KP_1, 0x11),
        "no group 2": US.keysym(RETURN, 1 << 13),
        "dead key under lock": US.keysym(DEAD, 0x02),
    }

    assert found == {
        "plain": ord("a"),
        "shift": ord("A"),
        "lock": ord("A"),
        "shift and lock": ord("a"),
        "level 3": 0xE6,
        "level 3 shift": 0xC6,
        "group 2": 0x06C6,
        "keypad": 0xFF9C,
        "keypad numlock": 0xFFB1,
        "keypad numlock shift": 0xFF9C,
        "no group 2": 0xFF0D,
        "dead key under lock": 0xFE57,
    }


def test_no_keysym_is_invented_for_groups_the_core_map_does_not_have() -> None:
    assert US.keysym(A, 2 << 13) == 0
    assert US.keysym(250, 0) == 0


def test_a_key_gets_the_map_that_was_in_force_when_it_was_pressed() -> None:
    other = Keymap(generation=1, first=8, rows=((),) * 30 + ((ord("q"),),), level3=0, numlock=0)
    assembler = Assembler(clock=CLOCK)

    assembler.add([key(A, 100), key(A, 300)], MAPS.changed(200, other), NOW)

    assert [(e.keysym, e.layout) for e in assembler.take(None)] == [(ord("a"), 0), (ord("q"), 1)]


def test_the_second_press_of_a_held_key_is_a_repeat() -> None:
    events = assembled(key(A, 1), key(A, 2), key(A, 3, is_down=False), key(A, 4))

    assert [event.is_repeat for event in events] == [False, True, False, False]


def test_an_orphan_release_is_given_and_counted() -> None:
    assembler = Assembler(clock=CLOCK)
    assembler.add([key(A, 1, is_down=False)], MAPS, NOW)

    assert len(assembler.take(None)) == 1
    assert assembler.orphan_releases == 1


def test_the_release_of_a_scroll_step_is_no_event() -> None:
    assert is_accepted(4, 5)
    assert not is_accepted(5, 5)
    assert is_accepted(5, 1)


def test_what_is_not_complete_yet_is_held_back() -> None:
    assembler = Assembler(clock=CLOCK)
    assembler.add([key(A, 50), key(A, 20)], MAPS, NOW)

    first, rest = assembler.take(30), assembler.take(None)

    assert [event.t_ms for event in first + rest] == [20, 50]
    assert len(first) == 1


@given(st.lists(st.integers(0, 300), max_size=40), st.integers(0, 300))
def test_no_event_is_lost_or_reordered_whatever_the_bunches(times: list[int], cut: int) -> None:
    assembler = Assembler(clock=CLOCK)
    for time in times:
        assembler.add([Heard(6, 0, time, time, 0, 0, False)], MAPS, NOW)

    given_ = assembler.take(cut) + assembler.take(None)

    assert [event.x for event in given_] == sorted(times)
    assert all(event.kind is InputKind.MOVE for event in given_)


@given(st.integers(0, 2**45), st.integers(-(2**30), 2**30), st.integers(-(2**20), 2**20))
def test_a_32_bit_stamp_becomes_the_time_it_was_made(true_ms: int, offset: int, delay: int) -> None:
    clock = ServerClock(offset_ms=offset)
    stamp = (true_ms - offset) % WRAP

    assert clock.monotonic_ms(stamp, true_ms + delay) == true_ms


def test_a_local_servers_clock_is_taken_for_what_it_is() -> None:
    assert ServerClock.measured((2**40 + 12) % WRAP, 2**40 + 80).offset_ms == 0
    assert ServerClock.measured(5_000_000, 2**40).offset_ms != 0
