"""The hands of the demo on a private display: types, clicks, scrolls by XTEST, and counts.

XTEST events are real to every program on the display, the recorder included. `offered` counts what
a listener has to see: a key is two events, a click two, a scroll step one, a move one. Keys are
released within 20 ms, far below the 660 ms at which the server starts to repeat.
"""

import time
from dataclasses import dataclass, field

from Xlib import XK, X, display
from Xlib.ext import xtest
from Xlib.xobject.drawable import Window

from overt_schemas.errors import Permanent

_SPECIAL = {"\n": XK.XK_Return, "\t": XK.XK_Tab, " ": XK.XK_space}


@dataclass(slots=True)
class Driver:
    """One connection to a display, open inside ``with``; not thread-safe."""

    name: str
    offered: int = 0
    _display: display.Display = field(init=False)
    _place: tuple[int, int] = field(init=False, default=(-1, -1))

    def __enter__(self) -> "Driver":
        self._display = display.Display(self.name)
        return self

    def __exit__(self, *_: object) -> None:
        self._display.close()

    def move(self, x: int, y: int) -> None:
        """Move the pointer; a move to where it stands is no event, and is not counted."""
        if (x, y) == self._place:
            return
        self._send(X.MotionNotify, 0, x, y)
        self._place = (x, y)

    def click(self, x: int, y: int) -> None:
        """Press and release the left button there."""
        self.move(x, y)
        self._send(X.ButtonPress, 1)
        self._send(X.ButtonRelease, 1)

    def scroll(self, steps: int) -> None:
        """Scroll down by so many steps (up where negative); the release of a step is no event."""
        button = 5 if steps > 0 else 4
        for _ in range(abs(steps)):
            self._send(X.ButtonPress, button)
            xtest.fake_input(self._display, X.ButtonRelease, button)
            self._display.sync()

    def key(self, keysym: int) -> None:
        """Press and release one key, with Shift where the map wants it."""
        code = self._display.keysym_to_keycode(keysym)
        if code == 0:
            raise Permanent("the display's keyboard map has no such key", reason="keymap")
        shifted = self._display.keycode_to_keysym(code, 0) != keysym
        shift = self._display.keysym_to_keycode(XK.XK_Shift_L)
        if shifted:
            self._send(X.KeyPress, shift)
        self._send(X.KeyPress, code)
        self._send(X.KeyRelease, code)
        if shifted:
            self._send(X.KeyRelease, shift)

    def type(self, text: str, pause_s: float = 0.02) -> None:
        """Type ASCII text, one key every ``pause_s`` seconds."""
        for letter in text:
            self.key(_SPECIAL.get(letter, ord(letter)))
            time.sleep(pause_s)  # a typist's cadence, not a synchronisation

    def window(self, wm_class: str) -> Window | None:
        """Return the mapped window of that class (lower case), override-redirect ones included."""
        return self._find(self._display.screen().root, wm_class)

    def children(self, window: Window) -> list[Window]:
        """Return the viewable windows inside a window."""
        inside = window.query_tree().children
        return [w for w in inside if w.get_attributes().map_state == X.IsViewable]

    def is_managed(self) -> bool:
        """Whether a window manager is at work: early windows get neither frame nor focus."""
        check = self._display.intern_atom("_NET_SUPPORTING_WM_CHECK")
        found = self._display.screen().root.get_full_property(check, X.AnyPropertyType)
        return found is not None

    def has_focus(self, window: Window) -> bool:
        """Whether the window manager says that this window, or one inside it, is the active one."""
        active = self._display.intern_atom("_NET_ACTIVE_WINDOW")
        found = self._display.screen().root.get_full_property(active, X.AnyPropertyType)
        return found is not None and self._is_inside(int(found.value[0]), window)

    def _is_inside(self, number: int, window: Window) -> bool:
        if number == window.id:
            return True
        return any(self._is_inside(number, child) for child in window.query_tree().children)

    def centre(self, window: Window) -> tuple[int, int]:
        """Return the centre of a window in root coordinates."""
        shape = window.get_geometry()
        corner = window.translate_coords(self._display.screen().root, 0, 0)
        return -corner.x + shape.width // 2, -corner.y + shape.height // 2

    def _find(self, parent: Window, wm_class: str) -> Window | None:
        for child in reversed(parent.query_tree().children):
            names = child.get_wm_class() or ()
            mapped = child.get_attributes().map_state == X.IsViewable
            if mapped and wm_class in {name.lower() for name in names}:
                return child
            found = self._find(child, wm_class) if mapped else None
            if found is not None:
                return found
        return None

    def _send(self, kind: int, detail: int, x: int = 0, y: int = 0) -> None:
        xtest.fake_input(self._display, kind, detail, x=x, y=y)
        self._display.sync()
        self.offered += 1
