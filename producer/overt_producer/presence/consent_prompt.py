"""Asks a person at the display whether they agree to be captured.

The answer is an act of theirs in this window: a click on a button, or a key while it has the
focus. There is no argument, setting or variable that answers; events that programs send
(XSendEvent) are ignored. "No" has the focus at first, Escape and closing are No, silence is no
answer. "I agree" appears half a second after the window, so that a click or a key meant for
something else cannot agree.

The buttons are windows of their own, named "I agree" and "No", inside a window of class
``OvertConsent``.
"""

import select
import time
from dataclasses import dataclass
from typing import Any

from Xlib import X, Xatom, Xutil, error

from overt_producer.presence.notice import Answer, Decision, Method, Notice
from overt_producer.presence.page import AGREE, REFUSE, Page, drawn_page
from overt_producer.presence.x11 import load_lettering, main_monitor, set_picture, unit
from overt_producer.sources.events import Rect
from overt_producer.sources.x11.connection import connect, disconnect, translated
from overt_producer.sources.x11.monitors import read_displays
from overt_schemas.clock import Clock, SystemClock
from overt_schemas.errors import Transient

WM_CLASS = ("overt-consent", "OvertConsent")
TIMEOUT_S = 60.0
# Longer than a double click (0.4 s) takes.
SETTLE_S = 0.5

ESCAPE = 0xFF1B
ENTERING = (0xFF0D, 0xFF8D, 0x20)  # Return, Enter of the keypad, space
MOVING = (0xFF09, 0xFE20, 0xFF51, 0xFF53)  # Tab, Shift-Tab, left, right


@dataclass(frozen=True, slots=True, kw_only=True)
class _Choice:
    answer: Answer
    method: Method


class ConsentPrompt:
    """One prompt on ``$DISPLAY``.

    Args:
        timeout_s: how long to wait for an answer; only tests have a reason to change it.
        clock: for the times in the decision.
    """

    def __init__(self, timeout_s: float = TIMEOUT_S, clock: Clock | None = None) -> None:
        self._timeout_s = timeout_s
        self._clock = clock or SystemClock()
        self._display: Any = None
        self._window: Any = None
        self._buttons: dict[str, Any] = {}
        self._page: Page | None = None
        self._focus = REFUSE
        self._pressed: str | None = None

    def ask(self, notice: Notice) -> Decision:
        """Show a notice and wait. Raises Permanent when there is no display to show it on."""
        self._display = connect()
        try:
            try:
                with translated("showing the consent prompt"):
                    self._build(notice)
                    shown_us = self._clock.wall_us()
                    choice = self._wait()
            except Transient:
                # The display went away with the question on it: that is not a yes.
                shown_us = self._clock.wall_us()
                choice = _Choice(answer=Answer.REFUSED, method=Method.CLOSED)
        finally:
            disconnect(self._display)
        return Decision(
            answer=choice.answer,
            method=choice.method,
            shown_us=shown_us,
            decided_us=self._clock.wall_us(),
            notice=notice.digest(),
        )

    def _build(self, notice: Notice) -> None:
        display = self._display
        monitor = main_monitor(read_displays(display, 0))
        lettering = load_lettering(display)
        self._page = drawn_page(notice, lettering, unit(monitor), monitor.rect)
        height, width = self._page.pixels.shape[:2]
        x = monitor.rect.x + (monitor.rect.width - width) // 2
        y = monitor.rect.y + (monitor.rect.height - height) // 2
        self._window = display.screen().root.create_window(
            x,
            y,
            width,
            height,
            0,
            X.CopyFromParent,
            X.InputOutput,
            X.CopyFromParent,
            event_mask=X.KeyPressMask
            | X.StructureNotifyMask
            | X.VisibilityChangeMask
            | X.FocusChangeMask,
        )
        set_picture(display, self._window, self._page.pixels)
        self._describe(notice, x, y, width, height)
        for name, rect in self._page.buttons.items():
            self._buttons[name] = self._button(name, rect)
        self._paint_focus()
        self._buttons[REFUSE].map()
        self._window.map()
        display.sync()

    def _describe(self, notice: Notice, x: int, y: int, width: int, height: int) -> None:
        """Tell the window manager: a dialog of this size, in the middle, above all others."""
        atom = self._display.intern_atom
        window = self._window
        window.set_wm_name(notice.title)
        window.set_wm_class(*WM_CLASS)
        window.set_wm_protocols([atom("WM_DELETE_WINDOW")])
        window.set_wm_normal_hints(
            flags=Xutil.USPosition | Xutil.USSize | Xutil.PMinSize | Xutil.PMaxSize,
            x=x,
            y=y,
            width=width,
            height=height,
            min_width=width,
            min_height=height,
            max_width=width,
            max_height=height,
        )
        window.set_wm_hints(flags=Xutil.InputHint | Xutil.UrgencyHint, input=1)
        kind = atom("_NET_WM_WINDOW_TYPE_DIALOG")
        window.change_property(atom("_NET_WM_WINDOW_TYPE"), Xatom.ATOM, 32, [kind])
        states = [atom("_NET_WM_STATE_ABOVE"), atom("_NET_WM_STATE_STICKY")]
        window.change_property(atom("_NET_WM_STATE"), Xatom.ATOM, 32, states)

    def _button(self, name: str, rect: Rect) -> Any:
        button = self._window.create_window(
            rect.x,
            rect.y,
            rect.width,
            rect.height,
            0,
            X.CopyFromParent,
            X.InputOutput,
            X.CopyFromParent,
            event_mask=X.ButtonPressMask | X.ButtonReleaseMask,
        )
        button.set_wm_name(name)
        return button

    def _paint_focus(self) -> None:
        assert self._page is not None  # noqa: S101
        for name, button in self._buttons.items():
            set_picture(self._display, button, self._page.faces[name, name == self._focus])

    def _wait(self) -> _Choice:
        now = time.monotonic()
        deadline, settled = now + self._timeout_s, now + SETTLE_S
        is_settled = False
        while (now := time.monotonic()) < deadline:
            if not is_settled and now >= settled:
                is_settled = True
                self._buttons[AGREE].map()
            self._display.flush()
            while self._display.pending_events():
                choice = self._choice(self._display.next_event(), is_settled=is_settled)
                if choice is not None:
                    return choice
            next_step = deadline if is_settled else min(deadline, settled)
            select.select([self._display.fileno()], [], [], max(0.0, next_step - now))
        return _Choice(answer=Answer.NONE, method=Method.TIMEOUT)

    def _choice(self, event: Any, *, is_settled: bool) -> _Choice | None:
        closed = _Choice(answer=Answer.REFUSED, method=Method.CLOSED)
        match event.type:
            case X.DestroyNotify if event.window.id == self._window.id:
                return closed
            case X.ClientMessage:
                # A window manager asks us to close; whoever else may too: it only means No.
                return closed if event.client_type == self._protocols() else None
            case X.MapNotify if event.window.id == self._window.id:
                self._take_focus()
            case X.VisibilityNotify if event.state != X.VisibilityUnobscured:
                self._window.configure(stack_mode=X.Above)
            case X.MappingNotify:
                self._display.refresh_keyboard_mapping(event)
            case X.KeyPress if is_settled and not event.send_event:
                return self._key(event)
            case X.ButtonPress | X.ButtonRelease if not event.send_event and event.detail == 1:
                return self._click(event)
            case _:
                pass
        return None

    def _key(self, event: Any) -> _Choice | None:
        keysym = self._display.keycode_to_keysym(event.detail, 0)
        if keysym == ESCAPE:
            return _Choice(answer=Answer.REFUSED, method=Method.KEYBOARD)
        if keysym in ENTERING:
            return _chosen(self._focus, Method.KEYBOARD)
        if keysym in MOVING:
            self._focus = AGREE if self._focus == REFUSE else REFUSE
            self._paint_focus()
        return None

    def _click(self, event: Any) -> _Choice | None:
        """A click is a press and a release on one button."""
        name = next((n for n, b in self._buttons.items() if b.id == event.window.id), None)
        if name is None or self._page is None:
            return None
        if event.type == X.ButtonPress:
            self._pressed = name
            return None
        was_pressed, self._pressed = self._pressed == name, None
        rect = self._page.buttons[name]
        inside = 0 <= event.event_x < rect.width and 0 <= event.event_y < rect.height
        return _chosen(name, Method.POINTER) if was_pressed and inside else None

    def _take_focus(self) -> None:
        """Take the focus where no window manager gives it."""
        root = self._display.screen().root
        check = self._display.intern_atom("_NET_SUPPORTING_WM_CHECK")
        if root.get_full_property(check, X.AnyPropertyType) is None:
            try:
                self._window.set_input_focus(X.RevertToParent, X.CurrentTime)
                self._display.sync()
            except error.XError:
                return

    def _protocols(self) -> int:
        return int(self._display.intern_atom("WM_PROTOCOLS"))


def _chosen(name: str, method: Method) -> _Choice:
    return _Choice(answer=Answer.AGREED if name == AGREE else Answer.REFUSED, method=method)
