"""The badge and the red border: while anything is captured, everybody in front can see it.

One badge at the top of each monitor and a border around it, drawn by ourselves above all windows
(override-redirect, raised whenever something covers them) and click-through, so they are in
nobody's way. There is no setting to hide, move, shrink or recolour them, and no way to capture
without: capture looks for them on the screen itself (``indicator.verify``) before the first event
and as long as it runs.

``tick`` is called about ten times a second by the thread that made the badge.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from Xlib import X
from Xlib.ext import shape

from overt_producer.presence.canvas import Canvas, Lettering
from overt_producer.presence.indicator import IndicatorLost, Part, Patch
from overt_producer.presence.x11 import load_lettering, set_picture, unit
from overt_producer.sources.events import Monitor, Rect
from overt_producer.sources.x11.connection import connect, disconnect, translated
from overt_producer.sources.x11.monitors import read_displays, watch_displays
from overt_schemas.errors import Transient

WM_CLASS = ("overt-indicator", "OvertIndicator")
BORDER = 3
LETTERS = 16
HEIGHT = 28
RED, WHITE, SLATE, PALE = 0xC00000, 0xFFFFFF, 0x37424C, 0xD5DBE0


class State(Enum):
    """What the badge says."""

    RECORDING = "recording"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Piece:
    window: Any
    patch: Patch


class Badge:
    """The indicator on ``$DISPLAY``; up from ``show`` to ``close``.

    Args:
        about: what is recorded and how to stop it, one short line.
    """

    def __init__(self, about: str) -> None:
        self._about = about
        self._state = State.PAUSED
        self._display: Any = connect()
        with translated("preparing the badge"):
            self._root = self._display.screen().root
            self._lettering = load_lettering(self._display)
            watch_displays(self._display)
            self._displays = read_displays(self._display, 0)
        self._pieces: list[_Piece] = []

    @property
    def patches(self) -> tuple[Patch, ...]:
        """What must be on the screen now. Only RECORDING has a border."""
        return tuple(piece.patch for piece in self._pieces)

    @property
    def window_ids(self) -> frozenset[int]:
        """X ids of our own windows."""
        return frozenset(int(piece.window.id) for piece in self._pieces)

    def show(self, state: State) -> None:
        """Put it up, or change what it says. Raises IndicatorLost if the display is gone."""
        self._state = state
        self._guarded(self._rebuild)

    def tick(self) -> None:
        """Come back to the top if covered. Raises IndicatorLost if it was taken away."""
        self._guarded(self._handle_events)

    def raise_(self) -> None:
        """Come to the top."""
        self._guarded(self._to_top)

    def close(self) -> None:
        """Take it down: only after the last listener was stopped."""
        disconnect(self._display)
        self._pieces = []

    def _guarded(self, act: Callable[[], None]) -> None:
        try:
            with translated("showing the badge"):
                act()
                self._display.sync()
        except Transient as exc:
            raise IndicatorLost from exc

    def _rebuild(self) -> None:
        old, self._pieces = self._pieces, []
        for monitor in self._displays.monitors:
            badge = _badge_rect(monitor, self._lettering, self._line())
            if self._state is State.RECORDING:
                for rect in _border_rects(monitor.rect, badge):
                    self._put(Part.BORDER, rect, Canvas(rect.width, rect.height, RED))
            self._put(Part.BADGE, badge, self._drawn(badge, unit(monitor)))
        # The new one is up before the old one goes.
        self._display.sync()
        for piece in old:
            piece.window.destroy()

    def _put(self, part: Part, rect: Rect, canvas: Canvas) -> None:
        window = self._root.create_window(
            rect.x,
            rect.y,
            rect.width,
            rect.height,
            0,
            X.CopyFromParent,
            X.InputOutput,
            X.CopyFromParent,
            override_redirect=1,
            event_mask=X.VisibilityChangeMask | X.StructureNotifyMask,
        )
        window.shape_rectangles(shape.SO.Set, shape.SK.Input, 0, 0, 0, [])
        window.set_wm_class(*WM_CLASS)
        window.set_wm_name(self._line())
        set_picture(self._display, window, canvas.pixels)
        window.map()
        window.configure(stack_mode=X.Above)
        patch = Patch(part=part, rect=rect, pixels=canvas.pixels)
        self._pieces.append(_Piece(window=window, patch=patch))

    def _handle_events(self) -> None:
        ours = self.window_ids
        is_covered = is_news = False
        self._display.sync()
        while self._display.pending_events():
            event = self._display.next_event()
            match event.type:
                case X.VisibilityNotify:
                    is_covered |= event.state != X.VisibilityUnobscured
                case X.DestroyNotify if event.window.id in ours:
                    raise IndicatorLost
                case X.UnmapNotify if event.window.id in ours:
                    event.window.map()
                    is_covered = True
                case _:
                    is_news = True
        displays = read_displays(self._display, 0) if is_news else self._displays
        if displays != self._displays:
            self._displays = displays
            self._rebuild()
        elif is_covered:
            self._to_top()

    def _to_top(self) -> None:
        # Also back to its place: any client may move any window.
        for piece in self._pieces:
            rect = piece.patch.rect
            piece.window.configure(
                x=rect.x, y=rect.y, width=rect.width, height=rect.height, stack_mode=X.Above
            )

    def _line(self) -> str:
        if self._state is State.RECORDING:
            return f"REC overt  {self._about}"
        return "PAUSED overt  nothing is recorded"

    def _drawn(self, rect: Rect, enlarged: float) -> Canvas:
        is_recording = self._state is State.RECORDING
        canvas = Canvas(rect.width, rect.height, RED if is_recording else SLATE)
        ink = WHITE if is_recording else PALE
        size, middle = round(LETTERS * enlarged), rect.height // 2
        canvas.disc(middle, middle, round(6 * enlarged), ink)
        head, _, rest = self._line().partition("  ")
        top = (rect.height - size) // 2
        x = canvas.text(self._lettering, rect.height, top, head, size, ink, is_bold=True)
        gap = round(self._lettering.advance(size))
        canvas.text(self._lettering, x + gap, top, rest, size, ink)
        return canvas


def _badge_rect(monitor: Monitor, lettering: Lettering, line: str) -> Rect:
    """Return where the badge of a monitor is: in the middle of its upper edge."""
    enlarged = unit(monitor)
    letters = round(lettering.advance(round(LETTERS * enlarged)) * len(line))
    height = round(HEIGHT * enlarged)
    width = min(letters + 2 * height, monitor.rect.width)
    return Rect(
        x=monitor.rect.x + (monitor.rect.width - width) // 2,
        y=monitor.rect.y,
        width=width,
        height=height,
    )


def _border_rects(monitor: Rect, badge: Rect) -> list[Rect]:
    """Return the strips of the border, none under another or under the badge.

    Windows of ours that overlapped would cover each other, and raise each other for ever.
    """
    b = BORDER
    inner = monitor.height - 2 * b
    strips = [
        Rect(x=monitor.x, y=monitor.y, width=badge.x - monitor.x, height=b),
        Rect(x=badge.right, y=monitor.y, width=monitor.right - badge.right, height=b),
        Rect(x=monitor.x, y=monitor.bottom - b, width=monitor.width, height=b),
        Rect(x=monitor.x, y=monitor.y + b, width=b, height=inner),
        Rect(x=monitor.right - b, y=monitor.y + b, width=b, height=inner),
    ]
    return [strip for strip in strips if not strip.is_empty]
