"""The badge and the border are on the screen, by their pixels, and come back or end capture."""

import time
from collections.abc import Iterator

import numpy as np
import pytest
from Xlib import error

from overt_producer.presence import IndicatorLost, Sight, Verdict, Watch, verify
from overt_producer.presence.badge import BORDER, Badge, State
from overt_producer.presence.indicator import GRACE_MS, Part, Patch
from overt_producer.sources import Rect
from overt_producer.sources.x11 import X11Screen, X11Windows
from tests.desktop.conftest import Server, until
from tests.desktop.driver import Driver
from tests.desktop.painter import Painter

SEEN, HIDDEN = Sight(badge=1.0, border=1.0), Sight(badge=0.2, border=1.0)


@pytest.fixture
def badge(display: str) -> Iterator[Badge]:
    one = Badge("keys and screen of mousepad")
    one.show(State.RECORDING)
    yield one
    one.close()


@pytest.fixture
def screen(display: str) -> Iterator[X11Screen]:
    windows = X11Windows()
    one = X11Screen(windows)
    yield one
    one.close()
    windows.close()


@pytest.fixture
def painter(display: str) -> Iterator[Painter]:
    one = Painter(display)
    yield one
    one.close()


def sight(badge: Badge, screen: X11Screen) -> Sight:
    patches = badge.patches
    return verify(patches, [screen.look(patch.rect) for patch in patches])


def ticked(badge: Badge, screen: X11Screen) -> Sight:
    badge.tick()
    return sight(badge, screen)


@pytest.mark.desktop
def test_badge_and_border_are_seen_on_the_screen(badge: Badge, screen: X11Screen) -> None:
    until(lambda: sight(badge, screen).is_visible, "badge and border show")

    assert sight(badge, screen) == SEEN
    red = np.array([0x00, 0x00, 0xC0, 0xFF])
    for edge in (
        Rect(x=0, y=100, width=BORDER, height=500),
        Rect(x=1280 - BORDER, y=100, width=BORDER, height=500),
        Rect(x=0, y=800 - BORDER, width=1280, height=BORDER),
        Rect(x=0, y=0, width=100, height=BORDER),
    ):
        assert (screen.look(edge) == red).all()


@pytest.mark.desktop
def test_no_badge_is_no_sight(screen: X11Screen, badge: Badge) -> None:
    patches = badge.patches
    badge.close()

    assert not verify(patches, [screen.look(patch.rect) for patch in patches]).is_visible


@pytest.mark.desktop
def test_a_covered_badge_comes_back_to_the_top(
    badge: Badge, screen: X11Screen, painter: Painter
) -> None:
    until(lambda: sight(badge, screen).is_visible, "badge and border show")
    painter.window("Cover", 0, 0, 1280, 800, is_popup=True)

    assert sight(badge, screen).badge < 0.5
    assert sight(badge, screen).border < 0.5

    until(lambda: ticked(badge, screen).is_visible, "it comes back")


@pytest.mark.desktop
@pytest.mark.parametrize("act", ["unmap", "move"])
def test_a_badge_that_another_program_hides_comes_back(
    badge: Badge, screen: X11Screen, driver: Driver, act: str
) -> None:
    for id_ in badge.window_ids:
        window = driver.display.create_resource_object("window", id_)
        if act == "unmap":
            window.unmap()
        else:
            window.configure(x=5000)
    driver.display.sync()
    assert not sight(badge, screen).is_visible

    badge.raise_()

    until(lambda: ticked(badge, screen).is_visible, "it comes back")


@pytest.mark.desktop
def test_a_destroyed_badge_ends_capture(badge: Badge, driver: Driver) -> None:
    driver.display.create_resource_object("window", max(badge.window_ids)).destroy()
    driver.display.sync()

    with pytest.raises(IndicatorLost) as caught:
        badge.tick()
    assert caught.value.reason == "indicator"


@pytest.mark.desktop
def test_a_killed_connection_ends_capture(badge: Badge, driver: Driver, screen: X11Screen) -> None:
    patches = badge.patches
    driver.display.create_resource_object("window", max(badge.window_ids)).kill_client()
    driver.display.sync()

    with pytest.raises(IndicatorLost):
        badge.tick()
    assert not verify(patches, [screen.look(patch.rect) for patch in patches]).is_visible


@pytest.mark.desktop
def test_the_death_of_the_server_ends_capture(own_server: Server) -> None:
    badge = Badge("anything")
    badge.show(State.RECORDING)
    own_server.xvfb.kill()
    own_server.xvfb.wait()

    with pytest.raises(IndicatorLost):
        badge.tick()
    badge.close()


@pytest.mark.desktop
def test_clicks_go_through_the_badge(badge: Badge, driver: Driver, painter: Painter) -> None:
    window = painter.window("Below", 300, 0, 700, 200, is_popup=True)
    badge.raise_()

    driver.move(640, 10)

    assert driver.root.query_pointer().child.id == window.id


@pytest.mark.desktop
def test_a_paused_badge_says_so_and_has_no_border(badge: Badge, screen: X11Screen) -> None:
    recording = badge.patches

    badge.show(State.PAUSED)

    assert [patch.part for patch in badge.patches] == [Part.BADGE]
    assert sight(badge, screen).badge == 1.0
    assert not sight(badge, screen).is_visible
    assert not verify(recording, [screen.look(patch.rect) for patch in recording]).is_visible


@pytest.mark.desktop
def test_the_badge_rests_when_nothing_covers_it(badge: Badge, screen: X11Screen) -> None:
    until(lambda: ticked(badge, screen).is_visible, "badge and border show")
    until(lambda: not screen.changed(0) or screen.grab(lambda _: False) is None, "rest")
    begin = time.process_time()

    for _ in range(20):
        badge.tick()

    assert not screen.changed(0.2)
    assert time.process_time() - begin < 0.5


def test_a_watch_gives_a_covered_badge_a_moment_and_no_more() -> None:
    watch = Watch(last_ms=1000)
    watch, first = watch.step(SEEN, 2000)
    watch, second = watch.step(HIDDEN, 2000 + GRACE_MS)
    watch, third = watch.step(HIDDEN, 2001 + GRACE_MS)

    assert [first, second, third] == [Verdict.VISIBLE, Verdict.RAISE, Verdict.LOST]


def test_nothing_to_look_for_is_no_proof() -> None:
    assert not verify([], []).is_visible


@pytest.mark.parametrize(("right", "is_visible"), [(100, True), (90, True), (89, False)])
def test_a_badge_may_lose_a_corner_and_no_more(right: int, is_visible: bool) -> None:
    wanted = np.zeros((10, 10, 4), np.uint8)
    seen = wanted.copy()
    seen.reshape(100, 4)[right:, 0] = 9
    border = np.zeros((3, 10, 4), np.uint8)
    spot = Rect(x=0, y=0, width=10, height=10)
    patches = [
        Patch(part=Part.BADGE, rect=spot, pixels=wanted),
        Patch(part=Part.BORDER, rect=spot, pixels=border),
    ]

    assert verify(patches, [seen, border]).is_visible is is_visible


@pytest.mark.desktop
def test_nothing_in_the_interface_hides_the_badge(badge: Badge) -> None:
    hidden = [name for name in dir(badge) if any(w in name for w in ("hide", "hidden", "invisib"))]

    assert hidden == []
    with pytest.raises((TypeError, error.XError)):
        Badge("x", visible=False)  # type: ignore[call-arg]
