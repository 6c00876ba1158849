"""Pixels of an X display: nothing is grabbed while nothing changes, nothing leaves unmasked.

DAMAGE says that something changed (and when); mss copies the screen through shared memory (0.5 ms
at 1080p); the windows are looked at before and after, and if they did not stand still in between
the grab is thrown away, so that no window can appear in a frame whose mask does not know it.

An mss object belongs to one thread: the one that calls this.
"""

import select
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from overt_producer.sources.events import Allow, DisplayEpoch, Grab, Rect
from overt_producer.sources.masks import mask_rects, paint
from overt_producer.sources.x11.connection import (
    connect,
    disconnect,
    measure_clock,
    monotonic_ms,
    translated,
)
from overt_producer.sources.x11.monitors import read_displays, watch_displays
from overt_producer.sources.x11.windows import X11Windows
from overt_schemas.errors import Permanent, Transient

TRIES = 3
# An application repaints what came free within a frame or two; this is for one that is busy.
SETTLE_MS = 500
OPAQUE = 0xFF000000
FAST = ["MIT-SHM is working correctly."]


class X11Screen:
    """A ``ScreenSource`` on ``$DISPLAY``.

    Args:
        windows: looked at before and after each grab; the caller closes it.
    """

    def __init__(self, windows: X11Windows) -> None:
        self._windows = windows
        self._display: Any = connect()
        if not self._display.has_extension("DAMAGE"):
            raise Permanent("the X server has no DAMAGE extension", reason="no_damage")
        with translated("watching the screen"):
            self._clock = measure_clock(self._display)
            self._display.damage_query_version()
            watch_displays(self._display)
            self._epoch = read_displays(self._display, 0)
            from Xlib.ext import damage

            self._damage = self._display.screen().root.damage_create(damage.DamageReportNonEmpty)
            self._damage_event = self._display.extension_event.DamageNotify
            self._display.sync()
        self._mss: Any = _new_mss()
        self._changed_ms: int | None = None
        self._is_dirty = True

    @property
    def epoch(self) -> DisplayEpoch:
        """The display epoch in force."""
        return self._epoch

    @property
    def is_fast(self) -> bool:
        """Whether grabs go through shared memory; without it they cost 20 times as much."""
        return bool(self._mss.performance_status == FAST)

    def changed(self, timeout_s: float) -> bool:
        """Wait for damage or another display; true at once before the first grab."""
        deadline = time.monotonic() + timeout_s
        with translated("waiting for damage"):
            while True:
                self._note()
                left_s = deadline - time.monotonic()
                if self._is_dirty or left_s <= 0:
                    return self._is_dirty
                select.select([self._display.fileno()], [], [], left_s)

    def grab(self, allow: Allow) -> Grab | None:
        """Return the masked screen, or None when the windows did not stand still."""
        with translated("grabbing the screen"):
            self._note()
            changed_ms, self._changed_ms = self._changed_ms, None
            # From here on a change counts for the next grab.
            self._display.damage_subtract(self._damage)
            self._display.sync()
            self._is_dirty = False
            for _ in range(TRIES):
                before = self._windows.glance()
                before_us = time.monotonic_ns() // 1000
                pixels = self._pixels(self._whole())
                after_us = time.monotonic_ns() // 1000
                after = self._windows.glance()
                if pixels is not None and before.revision == after.revision:
                    break
            else:
                self._is_dirty, self._changed_ms = True, changed_ms
                return None
        past = self._windows.past(after_us // 1000 - SETTLE_MS)
        rects = mask_rects(before.stack, allow, self._whole(), past)
        masked = paint(pixels, rects, self._whole())
        return Grab(
            pixels=pixels,
            before_us=before_us,
            after_us=after_us,
            epoch=self._epoch,
            changed_ms=changed_ms,
            masked=masked,
        )

    def look(self, rect: Rect) -> NDArray[np.uint8]:
        """Return the pixels of a rectangle as they are; empty where it leaves the screen."""
        part = rect.clipped(self._whole())
        pixels = None if part.is_empty else self._pixels(part)
        return np.empty((0, 0, 4), np.uint8) if pixels is None else pixels

    def close(self) -> None:
        """Let go of the display and of the shared memory."""
        self._mss.close()
        disconnect(self._display)

    def _whole(self) -> Rect:
        return Rect(x=0, y=0, width=self._epoch.width, height=self._epoch.height)

    def _note(self) -> None:
        """Take what the server reported."""
        self._display.sync()
        is_display_news = False
        while self._display.pending_events():
            event = self._display.next_event()
            if event.type == self._damage_event:
                self._is_dirty = True
                if self._changed_ms is None:
                    self._changed_ms = self._clock.monotonic_ms(event.timestamp, monotonic_ms())
            else:
                is_display_news = True
        if is_display_news:
            self._renew()

    def _renew(self) -> None:
        """Begin a display epoch if the displays differ; mss keeps sizes, so it is made anew."""
        fresh = read_displays(self._display, self._epoch.number)
        if fresh == self._epoch:
            return
        self._epoch = read_displays(self._display, self._epoch.number + 1)
        self._mss.close()
        self._mss = _new_mss()
        self._is_dirty = True

    def _pixels(self, rect: Rect) -> NDArray[np.uint8] | None:
        """Copy a rectangle; None if the screen changed its size under it."""
        from mss.exception import ScreenShotError

        area = {"left": rect.x, "top": rect.y, "width": rect.width, "height": rect.height}
        try:
            raw = self._mss.grab(area).raw
        except ScreenShotError as exc:
            self._note()
            if self._whole().clipped(rect) == rect:
                raise Transient("the screen cannot be grabbed", reason="grab_failed") from exc
            return None
        pixels = np.frombuffer(raw, np.uint8).reshape(rect.height, rect.width, 4)
        words = pixels.view(np.uint32)
        words |= np.uint32(OPAQUE)
        return pixels


def _new_mss() -> Any:
    """Return an mss on the shared-memory back end, without the pointer drawn in."""
    import mss
    from mss.exception import ScreenShotError

    try:
        return mss.MSS(backend="xshmgetimage")
    except ScreenShotError as exc:
        raise Permanent("the screen cannot be grabbed on this X server", reason="no_grab") from exc
