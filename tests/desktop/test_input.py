"""Input of a real X server, injected by XTEST: all of it, in order, at its times."""

import subprocess
import time
from collections.abc import Iterator
from itertools import pairwise

import pytest
from Xlib import error

from overt_producer.sources import InputKind, RawInput
from overt_producer.sources.x11 import X11Input
from overt_producer.sources.x11.recording import is_recording
from tests.desktop.conftest import Server, until
from tests.desktop.driver import SCROLL_DOWN, Driver

pytestmark = pytest.mark.desktop


@pytest.fixture
def source(display: str) -> Iterator[X11Input]:
    one = X11Input()
    one.start()
    yield one
    one.stop()


def grown(heard: list[RawInput], source: X11Input) -> int:
    heard += source.drain()
    return len(heard)


def finished(source: X11Input) -> list[RawInput]:
    source.stop()
    return source.drain()


@pytest.mark.parametrize(("hertz", "count"), [(125, 125), (1000, 1000)])
def test_every_move_arrives_in_order_with_its_place_and_time(
    source: X11Input, driver: Driver, hertz: int, count: int
) -> None:
    points = [(10 + n % 1000, 20 + n % 700) for n in range(count)]
    begin = time.monotonic_ns() // 1_000_000

    driver.sweep(points, hertz)
    heard = finished(source)

    moves = [event for event in heard if event.kind is InputKind.MOVE]
    assert [(event.x, event.y) for event in moves] == points
    times = [event.t_ms for event in moves]
    assert times == sorted(times)
    assert begin - 2 <= times[0]
    # The stamps carry the rhythm of the driver, not that of the bunches they came in.
    assert times[-1] - times[0] == pytest.approx(1000 * (count - 1) / hertz, rel=0.25)
    gaps = [b - a for a, b in pairwise(times)]
    assert sorted(gaps)[len(gaps) // 2] == pytest.approx(1000 / hertz, abs=2)


def test_everything_that_was_done_is_heard_as_it_was_done(source: X11Input, driver: Driver) -> None:
    driver.move(100, 100)
    driver.click(200, 150)
    driver.scroll(SCROLL_DOWN, 2)
    driver.click(200, 150, button=8)
    driver.type("aB")

    heard = finished(source)

    kinds = InputKind
    assert [(event.kind, event.code) for event in heard[:8]] == [
        (kinds.MOVE, 0),
        (kinds.MOVE, 0),
        (kinds.PRESS, 1),
        (kinds.RELEASE, 1),
        (kinds.SCROLL, 5),
        (kinds.SCROLL, 5),
        (kinds.PRESS, 8),
        (kinds.RELEASE, 8),
    ]
    keys = [(event.kind, event.keysym) for event in heard[8:]]
    shift = 0xFFE1
    assert keys == [
        (kinds.KEY_DOWN, ord("a")),
        (kinds.KEY_UP, ord("a")),
        (kinds.KEY_DOWN, shift),
        (kinds.KEY_DOWN, ord("B")),
        (kinds.KEY_UP, ord("B")),
        (kinds.KEY_UP, shift),
    ]
    assert len(heard) == driver.offered == source.counters.accepted


def test_a_drain_gives_keys_and_moves_of_both_listeners_in_one_order(
    source: X11Input, driver: Driver
) -> None:
    heard: list[RawInput] = []
    for number in range(60):
        driver.move(300 + number, 300)
        driver.type("x")
        if number % 10 == 0:
            heard += source.drain()
    until(lambda: grown(heard, source) == driver.offered, "all of it")

    moves_and_downs = [e.kind for e in heard if e.kind is not InputKind.KEY_UP]
    times = [event.t_ms for event in heard]
    assert times == sorted(times)
    assert moves_and_downs.count(InputKind.MOVE) == 60
    assert source.counters.late == 0


def test_a_last_move_is_shaken_loose_without_a_stop(source: X11Input, driver: Driver) -> None:
    driver.move(640, 400)

    heard: list[RawInput] = []
    until(lambda: grown(heard, source), "the move", 2)

    assert [(event.x, event.y) for event in heard] == [(640, 400)]


def test_a_stop_removes_the_contexts_and_nothing_after_it_is_seen(
    source: X11Input, driver: Driver
) -> None:
    contexts = source.contexts
    driver.type("in")

    before = finished(source)
    driver.type("out")
    driver.move(5, 5)

    assert len(contexts) == 2
    for context in contexts:
        with pytest.raises(error.XError):
            is_recording(driver.display, context)
    assert [chr(e.keysym) for e in before if e.kind is InputKind.KEY_DOWN] == ["i", "n"]
    assert source.drain() == []


def test_a_resumed_source_hears_again(source: X11Input, driver: Driver) -> None:
    finished(source)
    driver.type("lost")
    source.start()
    driver.type("back")

    heard = finished(source)

    assert "".join(chr(e.keysym) for e in heard if e.kind is InputKind.KEY_DOWN) == "back"
    assert source.counters.orphan_releases == 0


def test_a_change_of_layout_gives_the_new_layouts_keysyms(
    source: X11Input, driver: Driver, server: Server
) -> None:
    key_q = driver.display.keysym_to_keycode(ord("q"))
    heard: list[RawInput] = []

    def press() -> None:
        driver.key_down(key_q)
        driver.key_up(key_q)

    try:
        press()
        subprocess.run(["setxkbmap", "fr"], env=server.environment, check=True)
        press()
        until(lambda: grown(heard, source) == 4, "both presses")
    finally:
        subprocess.run(["setxkbmap", "us"], env=server.environment, check=True)

    downs = [event for event in heard if event.kind is InputKind.KEY_DOWN]
    assert [chr(event.keysym) for event in downs] == ["q", "a"]
    assert downs[1].layout > downs[0].layout


def test_a_held_key_is_one_press_and_repeats(source: X11Input, driver: Driver) -> None:
    key = driver.display.keysym_to_keycode(ord("w"))
    driver.key_down(key)
    heard: list[RawInput] = []
    until(lambda: grown(heard, source) > 3, "the server repeats")
    driver.key_up(key)

    heard += finished(source)

    downs = [event.is_repeat for event in heard if event.kind is InputKind.KEY_DOWN]
    assert downs[0] is False
    assert all(downs[1:])
    assert sum(event.kind is InputKind.KEY_UP for event in heard) == 1


def test_the_death_of_the_server_is_noticed(own_server: Server) -> None:
    source = X11Input()
    source.start()
    assert source.is_alive

    own_server.xvfb.kill()

    until(lambda: not source.is_alive, "the source knows")
    source.stop()


def test_an_exception_in_a_hook_is_noticed(source: X11Input, driver: Driver) -> None:
    class Broken:
        def __len__(self) -> int:
            raise RuntimeError

    for hook in source._hooks:
        hook.heard = Broken()
    driver.type("x")

    until(lambda: not source.is_alive, "the source knows")
