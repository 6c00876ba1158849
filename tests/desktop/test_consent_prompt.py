"""The prompt takes an answer from a person at the display, and from nothing else."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from Xlib import X
from Xlib.protocol import event as xevent

from overt_producer.presence import Answer, Decision, Method, Notice
from overt_producer.presence.consent_prompt import ConsentPrompt
from overt_producer.presence.page import AGREE, REFUSE
from overt_producer.sources import Rect
from overt_producer.sources.x11 import X11Screen, X11Windows
from tests.desktop.conftest import Server, until
from tests.desktop.driver import Driver
from tests.desktop.painter import Painter

pytestmark = pytest.mark.desktop

NOTICE = Notice(
    controller="Acme Research",
    applications=("Mousepad",),
    contents=("Keys and pointer there.",),
    purposes=("Training of agents.",),
    kept="At most 90 days.",
    choices=("Pause: overtd pause", "Stop: overtd opt-out"),
)
ESCAPE, TAB, RETURN = 0xFF1B, 0xFF09, 0xFF0D


class Asking:
    """A prompt in a thread of its own, as the person sees it."""

    def __init__(self, driver: Driver, timeout_s: float) -> None:
        self.driver = driver
        self.decision: Decision | None = None
        self.thread = threading.Thread(target=self._ask, args=(timeout_s,))
        self.thread.start()

    def _ask(self, timeout_s: float) -> None:
        self.decision = ConsentPrompt(timeout_s=timeout_s).ask(NOTICE)

    def window(self) -> Any:
        return until(lambda: self.driver.find("OvertConsent"), "the prompt shows")

    def button(self, name: str) -> Any:
        return until(lambda: self.driver.find_named("OvertConsent", name), "the button shows")

    def has_focus(self) -> bool:
        focus = self.driver.display.get_input_focus().focus
        return not isinstance(focus, int) and focus.id == self.window().id

    def ready(self) -> None:
        self.button(AGREE)
        until(self.has_focus, "the prompt has the focus")

    def answer(self) -> Decision:
        self.thread.join(10)
        assert self.decision is not None
        return self.decision


@pytest.fixture
def asking(driver: Driver) -> Iterator[Asking]:
    one = Asking(driver, timeout_s=8)
    yield one
    one.thread.join(10)


def test_a_click_on_i_agree_agrees(asking: Asking, driver: Driver) -> None:
    driver.click(*driver.centre(asking.button(AGREE)))

    decision = asking.answer()

    assert (decision.answer, decision.method) == (Answer.AGREED, Method.POINTER)
    assert decision.is_agreed
    assert decision.notice == NOTICE.digest()
    assert decision.shown_us < decision.decided_us


def test_a_click_on_no_refuses(asking: Asking, driver: Driver) -> None:
    driver.click(*driver.centre(asking.button(REFUSE)))

    assert asking.answer().answer is Answer.REFUSED


def test_escape_refuses(asking: Asking, driver: Driver) -> None:
    asking.ready()
    driver.tap(ESCAPE)

    decision = asking.answer()

    assert (decision.answer, decision.method) == (Answer.REFUSED, Method.KEYBOARD)


def test_enter_alone_refuses_because_no_has_the_focus(asking: Asking, driver: Driver) -> None:
    asking.ready()
    driver.tap(RETURN)

    assert asking.answer().answer is Answer.REFUSED


def test_tab_and_enter_agree(asking: Asking, driver: Driver) -> None:
    asking.ready()
    driver.tap(TAB)
    driver.tap(RETURN)

    decision = asking.answer()

    assert (decision.answer, decision.method) == (Answer.AGREED, Method.KEYBOARD)


def test_silence_is_no_answer(driver: Driver) -> None:
    decision = Asking(driver, timeout_s=0.3).answer()

    assert (decision.answer, decision.method) == (Answer.NONE, Method.TIMEOUT)
    assert not decision.is_agreed


def test_a_destroyed_prompt_refuses(asking: Asking, driver: Driver) -> None:
    asking.window().destroy()
    driver.display.sync()

    decision = asking.answer()

    assert (decision.answer, decision.method) == (Answer.REFUSED, Method.CLOSED)


def test_closing_the_prompt_refuses(asking: Asking, driver: Driver) -> None:
    atom = driver.display.intern_atom
    asking.ready()
    close = xevent.ClientMessage(
        window=asking.window(),
        client_type=atom("_NET_CLOSE_WINDOW"),
        data=(32, [X.CurrentTime, 2, 0, 0, 0]),
    )
    driver.root.send_event(close, event_mask=X.SubstructureRedirectMask)
    driver.display.sync()

    assert asking.answer().method is Method.CLOSED


def test_the_death_of_the_display_refuses(own_server: Server) -> None:
    driver = Driver(own_server.name)
    asking = Asking(driver, timeout_s=8)
    asking.window()
    driver.close()
    own_server.xvfb.kill()

    assert asking.answer().answer is Answer.REFUSED


def test_events_sent_by_a_program_answer_nothing(driver: Driver) -> None:
    asking = Asking(driver, timeout_s=1.5)
    button = asking.button(AGREE)
    for kind in (xevent.ButtonPress, xevent.ButtonRelease):
        forged = kind(
            time=X.CurrentTime,
            root=driver.root,
            window=button,
            child=X.NONE,
            root_x=1,
            root_y=1,
            event_x=5,
            event_y=5,
            state=0,
            detail=1,
            same_screen=1,
        )
        button.send_event(forged)
    driver.display.sync()

    assert asking.answer().answer is Answer.NONE


def test_a_press_let_go_elsewhere_answers_nothing(driver: Driver) -> None:
    asking = Asking(driver, timeout_s=1.5)
    driver.move(*driver.centre(asking.button(AGREE)))
    driver.press()
    driver.move(5, 5)
    driver.release()

    assert asking.answer().answer is Answer.NONE


def test_keys_meant_for_another_window_answer_nothing(driver: Driver, display: str) -> None:
    painter = Painter(display)
    painter.window("Other", 0, 0, 200, 100)
    asking = Asking(driver, timeout_s=1.2)
    asking.window()
    driver.tap(TAB)
    driver.tap(RETURN)

    decision = asking.answer()
    painter.close()

    assert not decision.is_agreed


def test_the_prompt_is_in_the_middle_and_comes_back_to_the_top(
    asking: Asking, driver: Driver, display: str
) -> None:
    button = asking.button(REFUSE)
    place = driver.centre(button)
    painter = Painter(display)
    painter.window("Cover", 0, 0, 1280, 800)
    windows = X11Windows()
    screen = X11Screen(windows)
    spot = Rect(x=place[0] - 40, y=place[1] - 12, width=4, height=4)

    face = [0xEC, 0xEA, 0xE8, 0xFF]
    until(lambda: bool((screen.look(spot) == face).all()), "the button is in sight")
    middle = driver.centre(asking.window())

    screen.close()
    windows.close()
    painter.close()
    driver.click(*place)
    assert asking.answer().answer is Answer.REFUSED
    assert middle == pytest.approx((640, 400), abs=20)
