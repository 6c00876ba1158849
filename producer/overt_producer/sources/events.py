"""What sources give: input events, windows, pixels, and the Protocols that give them.

Pure values. Everything is on one clock, the machine's ``CLOCK_MONOTONIC``: milliseconds for what
the X server stamped (input, damage), microseconds for what this process timed (grabs). An X
server of the same machine stamps with that very clock; a source that finds another one converts.

Each Protocol has a scripted twin in ``scripted.py`` and a real source in ``x11/``; one suite
(tests/desktop/test_conformance.py) runs on both.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class InputKind(IntEnum):
    """What happened; the numbers are those of the ``kind`` column of InputBatch."""

    MOVE = 0
    PRESS = 1
    RELEASE = 2
    SCROLL = 3
    KEY_DOWN = 4
    KEY_UP = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class RawInput:
    """One input event as the system reported it.

    Attributes:
        t_ms: when it happened, by the X server's stamp; not when we heard of it.
        x: root x in pixels, of the pointer, also for keys; ``y`` likewise.
        code: keycode; or button 1-3, 8 and up; or for a scroll step 4 up, 5 down, 6 left, 7 right.
            One scroll step is one event: its release is not reported.
        state: X modifier mask *before* the event, with the keyboard group in bits 13 and 14.
        keysym: under the keyboard map in force at ``t_ms``; 0 where it is no key or not known.
        layout: generation of that map, counted from 0 at the source's first start.
        is_repeat: a key down with no release since the one before it.
        is_injected: sent by XSendEvent. XTEST looks like a person to X and is not marked.
    """

    t_ms: int
    kind: InputKind
    x: int
    y: int
    code: int = 0
    state: int = 0
    keysym: int = 0
    layout: int = 0
    is_repeat: bool = False
    is_injected: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class InputCounters:
    """What a source has taken in since it was made; pauses do not reset it.

    Attributes:
        accepted: events that reached a listener: what the account calls *captured*.
        overflowed: accepted and dropped because nobody drained for too long.
        late: delivered, but after an event with a later time had been delivered.
        orphan_releases: releases with no press since the start (a key held while we started).
    """

    accepted: int = 0
    overflowed: int = 0
    late: int = 0
    orphan_releases: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rect:
    """Pixels [x, x + width) by [y, y + height) of the root; empty when a side is 0 or less."""

    x: int
    y: int
    width: int
    height: int

    @property
    def right(self) -> int:
        """First column to the right of it."""
        return self.x + self.width

    @property
    def bottom(self) -> int:
        """First row below it."""
        return self.y + self.height

    @property
    def is_empty(self) -> bool:
        """Whether it holds no pixel."""
        return self.width <= 0 or self.height <= 0

    def contains(self, x: int, y: int) -> bool:
        """Whether the pixel (x, y) lies in it."""
        return self.x <= x < self.right and self.y <= y < self.bottom

    def clipped(self, other: "Rect") -> "Rect":
        """Return the part inside ``other``, possibly empty."""
        x, y = max(self.x, other.x), max(self.y, other.y)
        return Rect(
            x=x,
            y=y,
            width=min(self.right, other.right) - x,
            height=min(self.bottom, other.bottom) - y,
        )


class WindowKind(Enum):
    """How a window came on the screen."""

    MANAGED = "managed"  # the window manager framed it
    POPUP = "popup"  # override-redirect: menus, tooltips, autofill, our own badge
    DESKTOP = "desktop"  # wallpaper, docks and panels


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowContext:
    """One window on the screen, as its owner describes it.

    Attributes:
        app: lower-cased class of WM_CLASS, the id that policies list; "" is unknown, which no
            policy can allow.
        instance: the other half of WM_CLASS.
        title: may hold content: redact before it leaves the process.
        rect: with its decorations.
        window: X id of the client window, 0 for a scripted one.
        is_opaque: nothing below shines through. Shaped and translucent windows are not.
    """

    app: str
    instance: str = ""
    title: str = field(default="", repr=False)
    pid: int = 0
    rect: Rect
    window: int = 0
    kind: WindowKind = WindowKind.MANAGED
    is_opaque: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowState:
    """What provably held during the whole of [held_since_ms, until_ms].

    Between ``until_ms`` of one state and ``held_since_ms`` of the next something changed. What can
    still be said about events in between is worked out by ``focus.py``; the rest is unknown.

    Attributes:
        focus: where keys go; None when nobody can tell (no focus, a keyboard grab, a window that
            went away).
        stack: what is on the screen, bottom to top.
        revision: differs whenever anything of it may have changed.
        focus_since_ms: since when the focus has provably been this one; None for held_since_ms.
            Menus and tooltips that come and go change the stack and not the focus.
        crossed: windows, at places where they were for a moment since the state before.
        before: set in a gap only: the stack at the gap's beginning, ``stack`` being its end's.
    """

    held_since_ms: int
    until_ms: int
    focus: WindowContext | None
    stack: tuple[WindowContext, ...]
    revision: int
    focus_since_ms: int | None = None
    crossed: tuple[WindowContext, ...] = ()
    before: tuple[WindowContext, ...] | None = None

    def top_at(self, x: int, y: int) -> WindowContext | None:
        """Return the topmost window at a point of the root: where a click goes.

        In a gap only if every window that can have been the topmost one there belongs to one and
        the same known application; else None.
        """
        top = _top(self.stack, x, y)
        if self.before is None or top is None:
            return top
        possible = [_top(self.before, x, y), top]
        possible += [window for window in self.crossed if window.rect.contains(x, y)]
        apps = {window.app if window else "" for window in possible}
        return top if len(apps) == 1 and top.app else None


def _top(stack: tuple[WindowContext, ...], x: int, y: int) -> WindowContext | None:
    return next((window for window in reversed(stack) if window.rect.contains(x, y)), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitor:
    """One monitor; ``scale`` in per cent, 100 where unknown."""

    name: str
    rect: Rect
    scale: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class DisplayEpoch:
    """A span in which monitors, scale and size of the screen stay the same."""

    number: int
    width: int
    height: int
    monitors: tuple[Monitor, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Grab:
    """The screen as it may leave the grabber: all that is not allowed is grey already.

    Attributes:
        pixels: height x width x 4 bytes BGRX, X = 255; the caller's own, writable.
        before_us: monotonic microseconds before the grab; ``after_us`` after it.
        changed_ms: time of the first damage since the grab before, that is, when the frame before
            stopped being true; None if nothing was reported.
        masked: number of pixels painted grey.
    """

    pixels: NDArray[np.uint8] = field(repr=False)
    before_us: int
    after_us: int
    epoch: DisplayEpoch
    changed_ms: int | None = None
    masked: int = 0


Allow = Callable[[WindowContext], bool]


class InputSource(Protocol):
    """Keyboard and pointer. Listens only: it never holds back or alters what others receive."""

    @property
    def is_alive(self) -> bool:
        """False once started and dead, whatever the cause: stop, count a gap, start again."""
        ...

    @property
    def counters(self) -> InputCounters:
        """What was taken in so far."""
        ...

    def start(self) -> None:
        """Begin to listen; events from here on are seen. Raises Transient or Permanent."""
        ...

    def stop(self) -> None:
        """Stop listening and really remove the hooks; ``drain`` then gives the tail, all of it."""
        ...

    def drain(self) -> list[RawInput]:
        """Return what has come, in the order of its times; call it about ten times a second."""
        ...


class WindowSource(Protocol):
    """Which windows there are and which one gets the keys."""

    def poll(self) -> WindowState:
        """Return the state up to now; call it about ten times a second. Raises Transient."""
        ...

    def close(self) -> None:
        """Let go of the display."""
        ...


class ScreenSource(Protocol):
    """Pixels of the screen, masked before anybody sees them."""

    @property
    def epoch(self) -> DisplayEpoch:
        """The display epoch in force; a grab may begin the next one."""
        ...

    def changed(self, timeout_s: float) -> bool:
        """Wait until something on the screen changed since the last grab, or the time is up."""
        ...

    def grab(self, allow: Allow) -> Grab | None:
        """Return the screen with everything grey but the windows that ``allow`` names.

        None when windows kept moving, so that nobody can say what was whose: try later.
        """
        ...

    def look(self, rect: Rect) -> NDArray[np.uint8]:
        """Return unmasked pixels of a small rectangle: for checking our own indicator only."""
        ...

    def close(self) -> None:
        """Let go of the display."""
        ...
