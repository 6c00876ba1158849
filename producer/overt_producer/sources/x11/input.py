"""Keyboard and pointer of an X display.

Events come from two RECORD contexts, and the server holds them back in bunches until it has some
output for somebody: up to 250 ms, a last move without bound. So each drain makes one small round
trip that shakes the bunches loose, and gives what is older than the round trip of the drain
before: that has arrived by now. Order and time are the server's, never the callback's.

One thread calls this; the listeners' own threads only append.
"""

import time
from collections import deque
from contextlib import suppress
from dataclasses import replace
from typing import Any

from overt_producer.sources.events import InputCounters, RawInput
from overt_producer.sources.x11.assemble import Assembler, Heard
from overt_producer.sources.x11.connection import (
    connect,
    disconnect,
    measure_clock,
    monotonic_ms,
    translated,
)
from overt_producer.sources.x11.keymap import KeymapHistory
from overt_producer.sources.x11.layout import LayoutWatch
from overt_producer.sources.x11.recording import is_recording
from overt_producer.sources.x11.servertime import ServerClock
from overt_schemas.errors import Permanent, Transient

# Starting takes 13 ms, stopping 0.2 ms; these are for a machine that has stalled.
START_S = 5.0
STOP_S = 2.0


class X11Input:
    """An ``InputSource`` on ``$DISPLAY``. ``start`` and ``stop`` may alternate (a pause)."""

    def __init__(self) -> None:
        self._heard: deque[Heard] = deque()
        self._assembler = Assembler(clock=ServerClock(offset_ms=0))
        self._hooks: tuple[Any, ...] = ()
        self._control: Any = None
        self._layout: LayoutWatch | None = None
        self._keymaps: KeymapHistory | None = None
        self._shaken_ms = -1
        self._counted = InputCounters()

    @property
    def is_alive(self) -> bool:
        """True while started and both hooks are in place."""
        return bool(self._hooks) and all(hook.is_alive() for hook in self._hooks)

    @property
    def contexts(self) -> tuple[int, ...]:
        """X ids of the RECORD contexts, none unless started."""
        return tuple(hook.context for hook in self._hooks if hook.context is not None)

    @property
    def counters(self) -> InputCounters:
        """What was taken in so far, over all starts."""
        return replace(
            self._counted,
            accepted=self._counted.accepted + sum(hook.accepted for hook in self._hooks),
            overflowed=self._counted.overflowed + sum(hook.overflowed for hook in self._hooks),
            late=self._assembler.late,
            orphan_releases=self._assembler.orphan_releases,
        )

    def start(self) -> None:
        """Create the RECORD contexts; returns once the server records."""
        if self._control is not None:
            raise Permanent("the input source is already started", reason="already_started")
        hooks = _new_hooks(self._heard)
        self._control = connect()
        try:
            with translated("reading its time"):
                self._assembler.clock = measure_clock(self._control)
            self._layout = LayoutWatch(self._assembler.clock, self._keymaps)
            self._keymaps = self._layout.history
            self._assembler.released()
            self._shaken_ms = monotonic_ms()
            self._hooks = hooks
            for hook in hooks:
                hook.start()
            for hook in hooks:
                self._await_recording(hook)
        except Transient:
            self.stop()
            raise

    def stop(self) -> None:
        """Remove the contexts. What happened before this call is still drained, in full."""
        # Disabled from outside, a context first hands over all it holds, then ends its thread;
        # pynput's own stop() throws the rest away.
        for hook in self._hooks:
            if hook.context is not None:
                with suppress(Transient), translated("ending a recording"):
                    self._control.record_disable_context(hook.context)
                    self._control.sync()
        for hook in self._hooks:
            _end(hook)
        with suppress(Transient):
            self._note_keymaps()
        self._counted, self._hooks = self.counters, ()
        self._take_in()
        if self._layout is not None:
            self._layout.close()
        if self._control is not None:
            disconnect(self._control)
        self._layout = self._control = None

    def drain(self) -> list[RawInput]:
        """Return what is complete, in order of time; after ``stop`` everything."""
        if self._control is None:
            return self._assembler.take(None)
        complete_ms, self._shaken_ms = self._shaken_ms, monotonic_ms()
        self._note_keymaps()
        with translated("shaking events loose"):
            self._control.sync()
        self._take_in()
        return self._assembler.take(complete_ms)

    def _note_keymaps(self) -> None:
        if self._layout is not None:
            self._layout.poll()
            self._keymaps = self._layout.history

    def _take_in(self) -> None:
        taken: list[Heard] = []
        with suppress(IndexError):
            while True:
                taken.append(self._heard.popleft())
        if taken and self._keymaps is not None:
            self._assembler.add(taken, self._keymaps, monotonic_ms())

    def _await_recording(self, hook: Any) -> None:
        """Wait until the server says that a context is enabled: pynput is ready before that."""
        deadline = time.monotonic() + START_S
        hook.settled.wait(START_S)
        while hook.is_alive() and time.monotonic() < deadline:
            if hook.context is not None:
                with suppress(Transient), translated("asking for a recording"):
                    if is_recording(self._control, hook.context):
                        return
            time.sleep(0.002)
        raise Transient("the X server records no input", reason="input_not_recording")


def _new_hooks(heard: deque[Heard]) -> tuple[Any, Any]:
    """Return the two listeners, not started. Importing pynput opens the display."""
    try:
        from overt_producer.sources.x11.listeners import KeyboardHook, PointerHook
    except ImportError as exc:
        raise Permanent(
            "pynput cannot listen here: start overtd inside an X11 desktop session",
            reason="no_listener",
        ) from exc
    return KeyboardHook(heard), PointerHook(heard)


def _end(hook: Any) -> None:
    """Wait for a hook's thread, and take it down hard if it will not end."""
    if hook.is_alive():
        hook.await_end(STOP_S)
    if hook.is_alive():
        with suppress(Exception):
            hook.stop()
