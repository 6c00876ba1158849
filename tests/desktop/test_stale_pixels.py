"""What a window leaves behind on the screen is as secret as the window was.

X paints nothing where a window without a background comes free (toolkits choose that, against
flicker): until the application below has repainted, the pixels of the window that went stay there.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from Xlib import X

from overt_producer.sources import Grab, Rect, WindowContext
from overt_producer.sources.x11 import X11Screen, X11Windows
from tests.desktop.conftest import until
from tests.desktop.painter import PATTERN, Painter

pytestmark = pytest.mark.desktop

PLACE = Rect(x=250, y=200, width=90, height=60)
PAINTED = np.array([0xEF, 0x12, 0xAB, 0xFF])


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


def ledger(window: WindowContext) -> bool:
    return window.app == "ledger"


def grabbed(screen: X11Screen) -> Grab:
    return until(lambda: screen.grab(ledger), "a grab with windows at rest")


def secret_pixels(grab: Grab) -> int:
    return int((grab.pixels.view(np.uint32)[:, :, 0] == (PATTERN | 0xFF000000)).sum())


def lazy_window(painter: Painter) -> Any:
    """Map an allowed window that never repaints."""
    window = painter.window("Ledger", 200, 150, 400, 300, colour=0x0034A812)
    window.change_attributes(background_pixmap=X.NONE)
    painter.display.sync()
    return window


def went(painter: Painter, window: Any) -> None:
    window.unmap()
    painter.display.sync()


def moved(painter: Painter, window: Any) -> None:
    window.configure(x=900, y=500)
    painter.display.sync()


def covered(painter: Painter, window: Any) -> None:
    painter.windows[0].raise_window()
    window.configure(stack_mode=X.Below)
    painter.display.sync()


@pytest.mark.parametrize("act", [went, moved, covered])
def test_what_a_window_left_behind_does_not_leave_the_grabber(
    screen: X11Screen, painter: Painter, act: Callable[[Painter, Any], None]
) -> None:
    lazy_window(painter)
    secret = painter.window("", 250, 200, 90, 60, is_popup=True)
    until(lambda: bool((screen.look(PLACE) == PAINTED).all()), "the secret shows")
    assert secret_pixels(grabbed(screen)) == 0

    act(painter, secret)

    assert secret_pixels(grabbed(screen)) == 0


def test_what_an_application_paints_there_itself_is_seen_soon_after(
    screen: X11Screen, painter: Painter
) -> None:
    window = lazy_window(painter)
    secret = painter.window("", 250, 200, 90, 60, is_popup=True)
    grabbed(screen)
    went(painter, secret)
    context = window.create_gc(foreground=PATTERN)
    window.fill_rectangle(context, 0, 0, 400, 300)
    painter.display.sync()

    until(lambda: secret_pixels(grabbed(screen)) >= 90 * 60, "what is the application's own")
