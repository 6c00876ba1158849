"""Pixels: grabbed when something changed, masked before anybody sees them."""

import subprocess
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from overt_producer.sources import Grab, Rect, WindowContext
from overt_producer.sources.masks import GREY
from overt_producer.sources.x11 import X11Screen, X11Windows
from tests.desktop.conftest import Server, until
from tests.desktop.painter import PATTERN, Painter

pytestmark = pytest.mark.desktop

X_BYTE = 0xFF000000


@pytest.fixture
def painter(display: str) -> Iterator[Painter]:
    one = Painter(display)
    yield one
    one.close()


@pytest.fixture
def screen(display: str) -> Iterator[X11Screen]:
    windows = X11Windows()
    one = X11Screen(windows)
    yield one
    one.close()
    windows.close()


def only(*apps: str) -> Callable[[WindowContext], bool]:
    return lambda window: window.app in apps


def words(grab: Grab) -> np.ndarray:
    return grab.pixels.view(np.uint32)[:, :, 0]


def grabbed(screen: X11Screen, *apps: str) -> Grab:
    return until(lambda: screen.grab(only(*apps)), "a grab with windows at rest")


def grab_where(screen: X11Screen, is_it: Callable[[Grab], object], *apps: str) -> Grab:
    def found() -> Grab | None:
        grab = screen.grab(only(*apps))
        return grab if grab and is_it(grab) else None

    return until(found, "a grab that shows it")


def is_at_rest(screen: X11Screen) -> bool:
    if not screen.changed(0.5):
        return True
    grabbed(screen)
    return False


def pattern_count(grab: Grab, colour: int = PATTERN) -> int:
    return int((words(grab) == (colour | X_BYTE)).sum())


def test_nothing_is_grey_of_an_allowed_window_and_everything_else_is(
    screen: X11Screen, painter: Painter
) -> None:
    painter.window("Ledger", 200, 150, 300, 200)

    grab = grab_where(screen, pattern_count, "ledger")

    assert pattern_count(grab) == 300 * 200
    assert grab.pixels.shape == (800, 1280, 4)
    assert (grab.pixels[:, :, 3] == 255).all()
    assert grab.masked == int((words(grab) == GREY).sum())
    assert grab.masked > 1280 * 800 - 320 * 240
    assert grab.before_us <= grab.after_us
    assert screen.is_fast


def test_no_pixel_of_a_window_that_is_not_allowed_leaves_the_grabber(
    screen: X11Screen, painter: Painter
) -> None:
    other = 0x0034A812
    painter.window("Ledger", 200, 150, 400, 300, colour=other)
    painter.window("Bank", 300, 200, 200, 100)
    bare = grab_where(screen, pattern_count, "ledger", "bank")

    masked = grabbed(screen, "ledger")

    assert pattern_count(bare) == 200 * 100
    assert pattern_count(masked) == 0
    assert pattern_count(masked, other) > 0


def test_a_popup_over_an_allowed_window_is_hidden(screen: X11Screen, painter: Painter) -> None:
    painter.window("Ledger", 200, 150, 400, 300, colour=0x0034A812)
    painter.window("", 250, 200, 90, 60, is_popup=True)
    menu = Rect(x=250, y=200, width=90, height=60)
    painted = np.array([0xEF, 0x12, 0xAB, 0xFF])
    until(lambda: bool((screen.look(menu) == painted).all()), "the popup shows")

    masked = grabbed(screen, "ledger")

    assert pattern_count(masked) == 0


def test_an_idle_desktop_asks_for_no_grab(screen: X11Screen, painter: Painter) -> None:
    grabbed(screen)
    until(lambda: is_at_rest(screen), "the desktop is at rest")

    assert not screen.changed(1.0)


def test_a_change_is_reported_with_its_time(screen: X11Screen, painter: Painter) -> None:
    window = painter.window("Ledger", 200, 150, 300, 200)
    first = grabbed(screen, "ledger")
    until(lambda: is_at_rest(screen), "the desktop is at rest")
    window.change_attributes(background_pixel=0x00123456)
    window.clear_area()
    painter.display.sync()

    assert screen.changed(5.0)
    second = grabbed(screen, "ledger")

    assert second.changed_ms is not None
    assert first.after_us // 1000 - 1 <= second.changed_ms <= second.before_us // 1000 + 1


def test_a_smaller_screen_begins_a_display_epoch(own_server: Server) -> None:
    windows = X11Windows()
    screen = X11Screen(windows)
    try:
        grabbed(screen)
        before = screen.epoch
        for command in (
            "--newmode small 60 800 801 802 803 600 601 602 603",
            "--addmode screen small",
            "--output screen --mode small",
        ):
            subprocess.run(["xrandr", *command.split()], env=own_server.environment, check=True)

        after = grab_where(screen, lambda grab: grab.epoch != before)

        assert after.pixels.shape == (600, 800, 4)
        assert after.epoch.number == before.number + 1
        assert (after.epoch.width, after.epoch.height) == (800, 600)
    finally:
        screen.close()
        windows.close()


def test_two_monitors_are_told_apart(own_server: Server) -> None:
    for command in (
        "LEFT 640/170x800/210+0+0 screen",
        "RIGHT 640/170x800/210+640+0 none",
    ):
        subprocess.run(
            ["xrandr", "--setmonitor", *command.split()], env=own_server.environment, check=True
        )
    windows = X11Windows()
    screen = X11Screen(windows)
    try:
        rects = {monitor.name: monitor.rect for monitor in screen.epoch.monitors}

        assert rects == {
            "LEFT": Rect(x=0, y=0, width=640, height=800),
            "RIGHT": Rect(x=640, y=0, width=640, height=800),
        }
    finally:
        screen.close()
        windows.close()


def test_a_rectangle_off_the_screen_shows_nothing(screen: X11Screen) -> None:
    assert screen.look(Rect(x=5000, y=0, width=10, height=10)).size == 0
