"""A desktop that plays a script: the public twin of the X11 sources.

Deterministic: what it gives depends on the script and the clock, on nothing else. The clock is
an argument, so a test or a simulator runs a minute in a moment. What is typed shows in the frames.

    desktop = ScriptedDesktop(written(seed=7, duration_ms=20_000), now_ms=clock)
    desktop.input.start(); desktop.input.drain(); desktop.windows.poll(); desktop.screen.grab(allow)
"""

import time
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from overt_producer.sources.events import (
    Allow,
    DisplayEpoch,
    Grab,
    InputCounters,
    InputKind,
    Monitor,
    RawInput,
    Rect,
    WindowContext,
    WindowState,
)
from overt_producer.sources.keys import BACKSPACE, RETURN
from overt_producer.sources.masks import mask_rects, paint
from overt_producer.sources.raster import draw
from overt_producer.sources.script import Script

# More than any window shows; a device may write for hours.
TEXT_LIMIT = 2000
NowMs = Callable[[], int]


class ScriptedDesktop:
    """Input, windows and screen of one script, on one clock.

    Args:
        script: what happens.
        now_ms: monotonic milliseconds.
        begin_ms: when the script begins, on that clock; None for now.
        wait: how ``changed`` passes seconds; a fake clock gives its own.
    """

    def __init__(
        self,
        script: Script,
        now_ms: NowMs,
        begin_ms: int | None = None,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        play = _Play(script, now_ms, now_ms() if begin_ms is None else begin_ms)
        self._play = play
        self.input = ScriptedInput(play)
        self.windows = ScriptedWindows(play)
        self.screen = ScriptedScreen(play, wait)

    @property
    def offered(self) -> int:
        """Inputs that the script has made up to now, heard or not."""
        return self._play.inputs_until(self._play.now_ms())

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen."""
        return self._play.now_ms() > self._play.begin_ms + self._play.script.duration_ms


class ScriptedInput:
    """An ``InputSource``: hears what the script does between ``start`` and ``stop``."""

    def __init__(self, play: "_Play") -> None:
        self._play = play
        self._is_started = False
        self._is_broken = False
        self._next = 0
        self._tail: list[RawInput] = []
        self._accepted = 0

    @property
    def is_alive(self) -> bool:
        """True while started, unless broken on purpose."""
        return self._is_started and not self._is_broken

    @property
    def counters(self) -> InputCounters:
        """What was heard."""
        return InputCounters(accepted=self._accepted)

    def start(self) -> None:
        """Hear what comes after now."""
        self._next = self._play.inputs_until(self._play.now_ms())
        self._is_started, self._is_broken = True, False

    def stop(self) -> None:
        """Hear nothing that comes after now."""
        self._tail = self._heard()
        self._is_started = False

    def drain(self) -> list[RawInput]:
        """Return what was heard since the last call."""
        heard, self._tail = self._tail + self._heard(), []
        return heard

    def break_down(self) -> None:
        """Die like a listener whose hook was taken away, for tests of the watchdog."""
        self._tail, self._is_broken = self._heard(), True

    def _heard(self) -> list[RawInput]:
        if not self.is_alive:
            return []
        first, self._next = self._next, self._play.inputs_until(self._play.now_ms())
        self._accepted += self._next - first
        begin_ms = self._play.begin_ms
        return [
            replace(event, t_ms=begin_ms + event.t_ms)
            for event in self._play.script.inputs[first : self._next]
        ]


class ScriptedWindows:
    """A ``WindowSource``: the windows of the script so far, the latest in front."""

    def __init__(self, play: "_Play") -> None:
        self._play = play
        self._polled = 0

    def poll(self) -> WindowState:
        """Return what holds now."""
        now_ms = self._play.now_ms()
        fronts = self._play.fronts_until(now_ms)
        if not fronts:
            held_ms = min(now_ms, self._play.begin_ms)
            return WindowState(
                held_since_ms=held_ms, until_ms=now_ms, focus=None, stack=(), revision=0
            )
        stack = self._play.stack(fronts)
        passed, self._polled = self._play.script.fronts[self._polled : fronts], fronts
        return WindowState(
            held_since_ms=self._play.begin_ms + self._play.script.fronts[fronts - 1].t_ms,
            until_ms=now_ms,
            focus=stack[-1],
            stack=stack,
            revision=fronts,
            crossed=tuple(front.window for front in passed[:-1]),
        )

    def close(self) -> None:
        """Nothing to let go of."""


class ScriptedScreen:
    """A ``ScreenSource``: draws the windows and what was typed in them, masked as always."""

    def __init__(self, play: "_Play", wait: Callable[[float], None]) -> None:
        self._play = play
        self._wait = wait
        self._grabbed: int | None = None
        script = play.script
        whole = Rect(x=0, y=0, width=script.width, height=script.height)
        self._epoch = DisplayEpoch(
            number=0,
            width=script.width,
            height=script.height,
            monitors=(Monitor(name="scripted", rect=whole),),
        )

    @property
    def epoch(self) -> DisplayEpoch:
        """The one display epoch there is."""
        return self._epoch

    def changed(self, timeout_s: float) -> bool:
        """Wait until the picture differs from the one grabbed last, or the time is up."""
        if self._is_changed():
            return True
        self._wait(timeout_s)
        return self._is_changed()

    def grab(self, allow: Allow) -> Grab | None:
        """Return the picture of now, grey where ``allow`` does not say otherwise."""
        now_ms = self._play.now_ms()
        changes = self._play.changes_until(now_ms)
        changed_ms = None
        if self._grabbed is not None and changes > self._grabbed:
            changed_ms = self._play.change_ms(self._grabbed)
        self._grabbed = changes
        pixels = self._drawn(now_ms)
        whole = self._epoch.monitors[0].rect
        stack = self._play.stack(self._play.fronts_until(now_ms))
        masked = paint(pixels, mask_rects(stack, allow, whole), whole)
        return Grab(
            pixels=pixels,
            before_us=now_ms * 1000,
            after_us=now_ms * 1000,
            epoch=self._epoch,
            changed_ms=changed_ms,
            masked=masked,
        )

    def look(self, rect: Rect) -> NDArray[np.uint8]:
        """Return the pixels of a rectangle as they are."""
        part = rect.clipped(self._epoch.monitors[0].rect)
        pixels = self._drawn(self._play.now_ms())
        return pixels[part.y : part.bottom, part.x : part.right].copy()

    def close(self) -> None:
        """Nothing to let go of."""

    def _is_changed(self) -> bool:
        return self._grabbed != self._play.changes_until(self._play.now_ms())

    def _drawn(self, now_ms: int) -> NDArray[np.uint8]:
        stack = self._play.stack(self._play.fronts_until(now_ms))
        script = self._play.script
        return draw(script.width, script.height, stack, self._play.written(now_ms))


class _Play:
    """A script on a clock: what has happened by a time."""

    def __init__(self, script: Script, now_ms: NowMs, begin_ms: int) -> None:
        self.script = script
        self.now_ms = now_ms
        self.begin_ms = begin_ms
        self._input_ms = [event.t_ms for event in script.inputs]
        self._front_ms = [front.t_ms for front in script.fronts]
        self._keys = [event for event in script.inputs if _shows(event)]
        self._key_ms = [event.t_ms for event in self._keys]
        self._change_ms = sorted(self._front_ms + self._key_ms)
        # Applied so far: frames are drawn in order, so text grows and is not built again.
        self._applied = 0
        self._text: dict[str, str] = {}

    def inputs_until(self, now_ms: int) -> int:
        return bisect_right(self._input_ms, now_ms - self.begin_ms)

    def fronts_until(self, now_ms: int) -> int:
        return bisect_right(self._front_ms, now_ms - self.begin_ms)

    def changes_until(self, now_ms: int) -> int:
        return bisect_right(self._change_ms, now_ms - self.begin_ms)

    def change_ms(self, index: int) -> int:
        return self.begin_ms + self._change_ms[index]

    def stack(self, fronts: int) -> tuple[WindowContext, ...]:
        """Return the windows bottom to top after so many changes of the front."""
        order: dict[str, WindowContext] = {}
        for front in self.script.fronts[:fronts]:
            order.pop(front.window.app, None)
            order[front.window.app] = front.window
        return tuple(order.values())

    def written(self, now_ms: int) -> dict[str, str]:
        """Return the text that stands in each application by now."""
        until = bisect_right(self._key_ms, now_ms - self.begin_ms)
        if until < self._applied:
            self._applied, self._text = 0, {}
        for event in self._keys[self._applied : until]:
            front = bisect_right(self._front_ms, event.t_ms)
            if front:
                app = self.script.fronts[front - 1].window.app
                self._text[app] = _typed(self._text.get(app, ""), event.keysym)
        self._applied = until
        return self._text


def _shows(event: RawInput) -> bool:
    is_visible = 0x20 <= event.keysym < 0x7F or event.keysym in (RETURN, BACKSPACE)
    return event.kind is InputKind.KEY_DOWN and is_visible


def _typed(text: str, keysym: int) -> str:
    if keysym == BACKSPACE:
        return text[:-1]
    return text[-TEXT_LIMIT:] + ("\n" if keysym == RETURN else chr(keysym))
