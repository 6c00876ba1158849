"""A person at an X display, played by XTEST: moves, clicks, keys, text.

Everything goes through the X server like real input, so what listens cannot tell it from a
person; that is what tests and the demo want. It counts what it injected in the unit of the
account: one move, press, release, key down, key up or scroll step is one event (a scroll step is
a press and a release of its button, and counts once).

Coordinates are those of the root window. Each act is sent at once, with a round trip, so when a
method returns the server has the event.
"""

import time
from typing import Any

from Xlib import X, display
from Xlib.ext import xtest

SHIFT_KEYSYM = 0xFFE1
SCROLL_UP, SCROLL_DOWN = 4, 5
NAMED = {"\n": 0xFF0D, "\t": 0xFF09}


class Driver:
    """Injects input into one display, on a connection of its own."""

    def __init__(self, name: str) -> None:
        self.display: Any = display.Display(name)
        self.root = self.display.screen().root
        self.offered = 0

    def close(self) -> None:
        """Close the connection."""
        self.display.close()

    def move(self, x: int, y: int) -> None:
        """Put the pointer at a point of the root. A move to where it is already is no event."""
        at = self.root.query_pointer()
        if (at.root_x, at.root_y) != (x, y):
            self._fake(X.MotionNotify, x=x, y=y)

    def sweep(self, points: list[tuple[int, int]], hertz: float) -> None:
        """Move along points at a rate; consecutive points must differ."""
        begin = time.monotonic()
        for number, (x, y) in enumerate(points):
            xtest.fake_input(self.display, X.MotionNotify, x=x, y=y)
            self.display.flush()
            self.offered += 1
            time.sleep(max(0.0, begin + (number + 1) / hertz - time.monotonic()))
        self.display.sync()

    def press(self, button: int = 1) -> None:
        """Press a button."""
        self._fake(X.ButtonPress, button)

    def release(self, button: int = 1) -> None:
        """Let a button go."""
        self._fake(X.ButtonRelease, button)

    def click(self, x: int, y: int, button: int = 1) -> None:
        """Move to a point and click there."""
        self.move(x, y)
        self.press(button)
        self.release(button)

    def scroll(self, button: int, steps: int = 1) -> None:
        """Turn the wheel; each step counts once."""
        for _ in range(steps):
            self._fake(X.ButtonPress, button)
            self._fake(X.ButtonRelease, button, counts=False)

    def key_down(self, code: int) -> None:
        """Press a key by its keycode."""
        self._fake(X.KeyPress, code)

    def key_up(self, code: int) -> None:
        """Let a key go."""
        self._fake(X.KeyRelease, code)

    def tap(self, keysym: int, *, shift: bool = False) -> None:
        """Press and let go the key that has a keysym, with Shift if asked for."""
        code = self.display.keysym_to_keycode(keysym)
        shift_code = self.display.keysym_to_keycode(SHIFT_KEYSYM)
        if shift:
            self.key_down(shift_code)
        self.key_down(code)
        self.key_up(code)
        if shift:
            self.key_up(shift_code)

    def type(self, text: str, pause_s: float = 0.0) -> None:
        """Type Latin-1 text on the layout in force, with Shift where it needs it."""
        for character in text:
            keysym = NAMED.get(character, ord(character))
            code = self.display.keysym_to_keycode(keysym)
            is_shifted = self.display.keycode_to_keysym(code, 0) != keysym
            self.tap(keysym, shift=is_shifted)
            if pause_s:
                time.sleep(pause_s)

    def find(self, wm_class: str) -> Any | None:
        """Return the first viewable window whose class is this one, wherever it is."""
        return self._search(self.root, lambda w: (w.get_wm_class() or ("", ""))[1] == wm_class)

    def find_named(self, wm_class: str, name: str) -> Any | None:
        """Return the viewable window of that name inside a window of that class: a button."""
        outer = self.find(wm_class)
        if outer is None:
            return None
        return self._search(outer, lambda window: window.get_wm_name() == name)

    def centre(self, window: Any) -> tuple[int, int]:
        """Return the middle of a window in root coordinates."""
        size = window.get_geometry()
        corner = self.root.translate_coords(window, 0, 0)
        return corner.x + size.width // 2, corner.y + size.height // 2

    def _search(self, window: Any, is_it: Any) -> Any | None:
        try:
            for child in window.query_tree().children:
                if child.get_attributes().map_state != X.IsViewable:
                    continue
                if is_it(child):
                    return child
                found = self._search(child, is_it)
                if found is not None:
                    return found
        except Exception:  # a window went away while we looked
            return None
        return None

    def _fake(
        self, kind: int, detail: int = 0, *, x: int = 0, y: int = 0, counts: bool = True
    ) -> None:
        xtest.fake_input(self.display, kind, detail, x=x, y=y)
        self.display.sync()
        self.offered += counts
