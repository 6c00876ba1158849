"""What every source promises, asked of the twin and of X11 alike."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pytest

from overt_producer.sources import InputKind, InputSource, ScreenSource, WindowContext, WindowSource
from overt_producer.sources.script import EDITOR, Writer
from overt_producer.sources.scripted import ScriptedDesktop
from overt_producer.sources.x11 import X11Input, X11Screen, X11Windows
from tests.desktop.conftest import Server, pointed_at, until
from tests.desktop.driver import Driver
from tests.desktop.painter import Painter

TEXT = "hello overt"


@dataclass
class Desktop:
    """One desktop of either kind; ``act`` lets the person type TEXT in the application."""

    input: InputSource
    windows: WindowSource
    screen: ScreenSource
    app: str
    act: Callable[[], None]


@pytest.fixture
def scripted() -> Iterator[Desktop]:
    now = [1_000_000]
    script = Writer(1).front(EDITOR).type(TEXT).done()
    twin = ScriptedDesktop(
        script, now_ms=lambda: now[0], wait=lambda s: now.__setitem__(0, now[0] + round(s * 1000))
    )
    now[0] += 600

    def act() -> None:
        now[0] += script.duration_ms

    yield Desktop(twin.input, twin.windows, twin.screen, EDITOR.app, act)
    twin.windows.close()
    twin.screen.close()


@pytest.fixture
def x11(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desktop]:
    server: Server = request.getfixturevalue("server")
    pointed_at(server, monkeypatch)
    app = request.getfixturevalue("editor")
    driver = Driver(server.name)
    windows = X11Windows()
    screen, source = X11Screen(windows), X11Input()
    until(lambda: (f := windows.poll().focus) and f.app == app, "the editor has the focus")
    yield Desktop(source, windows, screen, app, lambda: driver.type(TEXT))
    source.stop()
    screen.close()
    windows.close()
    driver.close()


@pytest.fixture(params=["scripted", pytest.param("x11", marks=pytest.mark.desktop)])
def desktop(request: pytest.FixtureRequest) -> Desktop:
    found: Desktop = request.getfixturevalue(request.param)
    return found


def allow_editor(window: WindowContext) -> bool:
    return window.app == EDITOR.app


def test_what_is_done_while_started_is_heard_in_order(desktop: Desktop) -> None:
    desktop.input.start()
    assert desktop.input.is_alive
    desktop.act()
    desktop.input.stop()

    heard = desktop.input.drain()

    typed = [chr(event.keysym) for event in heard if event.kind is InputKind.KEY_DOWN]
    times = [event.t_ms for event in heard]
    assert "".join(typed) == TEXT
    assert times == sorted(times)
    assert desktop.input.counters.accepted == len(heard)
    assert desktop.input.drain() == []
    assert not desktop.input.is_alive


def test_what_is_done_while_stopped_is_not_heard(desktop: Desktop) -> None:
    desktop.input.start()
    desktop.input.stop()
    desktop.act()

    assert desktop.input.drain() == []


def test_the_focus_is_named_and_its_time_only_grows(desktop: Desktop) -> None:
    first = desktop.windows.poll()
    desktop.act()
    second = desktop.windows.poll()

    for state in (first, second):
        assert state.focus is not None
        assert state.focus.app == desktop.app
        assert state.held_since_ms <= state.until_ms
        assert state.focus in state.stack
    assert first.until_ms <= second.until_ms


def test_a_grab_is_whole_masked_and_shows_what_was_typed(desktop: Desktop) -> None:
    def grabbed() -> np.ndarray:
        grab = until(lambda: desktop.screen.grab(allow_editor), "a grab")
        epoch = desktop.screen.epoch
        assert grab.pixels.shape == (epoch.height, epoch.width, 4)
        assert (grab.pixels[:, :, 3] == 255).all()
        assert 0 < grab.masked < epoch.height * epoch.width
        return grab.pixels

    assert desktop.screen.changed(0)
    before = grabbed()
    desktop.act()

    until(lambda: desktop.screen.changed(0.1) and (grabbed() != before).any(), "another picture")


def test_nothing_allowed_is_nothing_shown(desktop: Desktop) -> None:
    grab = until(lambda: desktop.screen.grab(lambda _: False), "a grab")

    assert grab.masked == grab.epoch.width * grab.epoch.height
    assert len(np.unique(grab.pixels.view(np.uint32))) == 1


@pytest.mark.desktop
def test_what_is_drawn_elsewhere_never_leaves(display: str, editor: str) -> None:
    painter = Painter(display)
    windows = X11Windows()
    screen = X11Screen(windows)
    window = painter.window("Bank", 100, 100, 300, 200)
    until(lambda: (f := windows.poll().focus) and f.app == "bank", "it has the focus")
    bank = windows.poll().focus
    window.fill_rectangle(window.create_gc(foreground=0xFFFFFF), 10, 10, 50, 50)
    painter.display.sync()

    grab = until(lambda: screen.grab(allow_editor), "a grab")

    screen.close()
    windows.close()
    painter.close()
    assert bank is not None
    rect = bank.rect
    inside = grab.pixels[rect.y : rect.bottom, rect.x : rect.right]
    assert (inside == [0x80, 0x80, 0x80, 0xFF]).all()
