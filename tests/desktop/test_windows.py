"""Who has the focus and what is on the screen, for certain."""

from collections.abc import Iterator

import pytest
from Xlib import X

from overt_producer.sources import WindowKind, WindowState
from overt_producer.sources.focus import Timeline
from overt_producer.sources.x11 import X11Windows
from tests.desktop.conftest import until
from tests.desktop.driver import Driver
from tests.desktop.painter import Painter

pytestmark = pytest.mark.desktop


@pytest.fixture
def windows(display: str) -> Iterator[X11Windows]:
    one = X11Windows()
    yield one
    one.close()


@pytest.fixture
def painter(display: str) -> Iterator[Painter]:
    one = Painter(display)
    yield one
    one.close()


def focused(windows: X11Windows, app: str) -> WindowState:
    def found() -> WindowState | None:
        state = windows.poll()
        return state if state.focus and state.focus.app == app else None

    return until(found, f"{app} has the focus")


def at_rest(windows: X11Windows, app: str) -> WindowState:
    def found() -> WindowState | None:
        state = focused(windows, app)
        return state if state.until_ms - state.held_since_ms > 500 else None

    return until(found, f"{app} has the focus and nothing moves")


def shown(windows: X11Windows, app: str) -> WindowState:
    def found() -> WindowState | None:
        state = windows.poll()
        return state if any(w.app == app for w in state.stack) else None

    return until(found, f"{app} is on the screen")


def test_the_focused_window_is_told_with_its_application_and_frame(
    windows: X11Windows, painter: Painter
) -> None:
    painter.window("Ledger", 100, 100, 300, 200)

    state = focused(windows, "ledger")

    assert state.focus is not None
    assert state.focus.title == "Ledger"
    assert state.focus.kind is WindowKind.MANAGED
    assert state.focus.is_opaque
    assert state.focus.rect.contains(250, 250)
    assert state.focus.rect.width >= 300
    assert state.top_at(250, 250) == state.focus


def test_a_state_is_held_until_something_changes(windows: X11Windows, painter: Painter) -> None:
    painter.window("First", 100, 100, 300, 200)
    first = focused(windows, "first")
    later = windows.poll()

    painter.window("Second", 500, 300, 300, 200)
    second = focused(windows, "second")

    assert later.revision == first.revision
    assert later.held_since_ms == first.held_since_ms
    assert later.until_ms >= first.until_ms
    assert second.revision > first.revision
    assert second.held_since_ms > later.until_ms
    assert [w.app for w in second.stack if w.app in ("first", "second")] == ["first", "second"]


def test_typing_and_moving_the_pointer_change_no_state(
    windows: X11Windows, editor: str, driver: Driver
) -> None:
    driver.move(600, 400)
    before = at_rest(windows, editor)
    driver.type("typing is no change of window")

    after = windows.poll()

    assert after.focus is not None
    assert after.focus.app == editor
    # The title may gain a star; the window does not become another one.
    assert after.revision == before.revision


def test_a_popup_is_seen_though_no_window_manager_lists_it(
    windows: X11Windows, painter: Painter
) -> None:
    painter.window("Menu", 200, 200, 80, 120, is_popup=True)

    state = shown(windows, "menu")

    popup = next(window for window in state.stack if window.app == "menu")
    assert popup.kind is WindowKind.POPUP
    assert (popup.rect.x, popup.rect.y, popup.rect.width, popup.rect.height) == (200, 200, 80, 120)
    assert state.top_at(210, 210) == popup


def test_a_popup_without_a_class_is_unknown(windows: X11Windows, painter: Painter) -> None:
    painter.window("", 200, 200, 80, 120, is_popup=True)

    def top() -> bool:
        window = windows.poll().top_at(210, 210)
        return window is not None and window.app == ""

    until(top, "the popup is there and is nobody's")


def test_nobody_has_the_focus_while_somebody_grabs_the_keyboard(
    windows: X11Windows, painter: Painter
) -> None:
    painter.window("Ledger", 100, 100, 300, 200)
    focused(windows, "ledger")

    painter.root.grab_keyboard(False, X.GrabModeAsync, X.GrabModeAsync, X.CurrentTime)
    painter.display.sync()
    during = windows.poll()
    painter.display.ungrab_keyboard(X.CurrentTime)
    painter.display.sync()

    assert during.focus is None
    assert focused(windows, "ledger").revision > during.revision


def test_a_closed_window_is_gone_at_the_next_poll(windows: X11Windows, painter: Painter) -> None:
    window = painter.window("Ledger", 100, 100, 300, 200)
    focused(windows, "ledger")

    painter.windows.remove(window)
    window.destroy()
    painter.display.sync()

    until(
        lambda: not any(w.app == "ledger" for w in windows.poll().stack), "the window is forgotten"
    )
    state = windows.poll()
    assert state.focus is None or state.focus.app != "ledger"


def test_a_shaped_window_is_not_taken_for_opaque(windows: X11Windows, painter: Painter) -> None:
    window = painter.window("Holes", 200, 200, 100, 100, is_popup=True)
    window.shape_rectangles(0, 0, 0, 0, 0, [(0, 0, 50, 50)])
    painter.display.sync()

    state = shown(windows, "holes")

    assert not next(w for w in state.stack if w.app == "holes").is_opaque


def test_keys_typed_while_a_menu_comes_and_goes_still_have_their_window(
    windows: X11Windows, painter: Painter
) -> None:
    painter.window("Ledger", 100, 100, 300, 200)
    before = at_rest(windows, "ledger")
    menu = painter.window("Ledger", 500, 500, 80, 120, is_popup=True)
    painter.display.sync()
    painter.windows.remove(menu)
    menu.destroy()
    painter.display.sync()

    line = Timeline().observed(before).observed(windows.poll())
    after = until(lambda: s if (s := windows.poll()).until_ms > s.held_since_ms else None, "still")

    assert after.revision > before.revision
    line = line.observed(after)
    for t_ms in range(before.until_ms, after.until_ms):
        focus = line.focus_at(t_ms)
        assert focus is not None
        assert focus.app == "ledger"


def test_a_window_that_came_and_went_unseen_makes_the_gap_unknown(
    windows: X11Windows, painter: Painter
) -> None:
    painter.window("Ledger", 100, 100, 300, 200)
    before = at_rest(windows, "ledger")
    flash = painter.window("Bank", 100, 100, 300, 200, is_popup=True)
    painter.windows.remove(flash)
    flash.destroy()
    painter.display.sync()

    after = windows.poll()

    line = Timeline().observed(before).observed(after)
    gap = line.at(before.until_ms + 1)
    assert gap is not None
    assert before.top_at(250, 250) is not None
    assert gap.top_at(250, 250) is None


def test_a_look_for_a_grab_does_not_hide_what_changed_from_the_next_poll(
    windows: X11Windows, painter: Painter
) -> None:
    painter.window("Ledger", 100, 100, 300, 200)
    before = at_rest(windows, "ledger")
    flash = painter.window("Bank", 100, 100, 300, 200, is_popup=True)
    windows.glance()
    painter.windows.remove(flash)
    flash.destroy()
    painter.display.sync()
    windows.glance()

    gap = Timeline().observed(before).observed(windows.poll()).at(before.until_ms + 1)

    assert gap is not None
    assert gap.top_at(250, 250) is None
