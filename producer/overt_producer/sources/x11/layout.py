"""Reads the keyboard map and notices when it changes."""

from typing import Any

from Xlib import X

from overt_producer.sources.x11.connection import connect, disconnect, monotonic_ms, translated
from overt_producer.sources.x11.keymap import (
    LEVEL3_SHIFT,
    NUM_LOCK,
    Keymap,
    KeymapHistory,
    modifier_mask,
)
from overt_producer.sources.x11.servertime import ServerClock


class LayoutWatch:
    """The maps of this run, on a connection of its own; ``poll`` is called at each drain.

    The core protocol's MappingNotify has no time. ``setxkbmap`` also sets a root property, whose
    event has one; where that is missing the change is dated by the poll that found it.
    """

    def __init__(self, clock: ServerClock, before: KeymapHistory | None = None) -> None:
        """Read the map in force; with the history of an earlier watch, go on numbering."""
        self._clock = clock
        self._display: Any = connect()
        with translated("reading the keyboard map"):
            self._rules = self._display.intern_atom("_XKB_RULES_NAMES")
            self._display.screen().root.change_attributes(event_mask=X.PropertyChangeMask)
            self._history = self._begun(before)

    @property
    def history(self) -> KeymapHistory:
        """The maps so far."""
        return self._history

    def poll(self) -> None:
        """Take note of changes since the last call."""
        with translated("watching the keyboard map"):
            since_ms, is_changed = monotonic_ms(), False
            self._display.sync()
            while self._display.pending_events():
                event = self._display.next_event()
                if event.type == X.MappingNotify and event.request != X.MappingPointer:
                    is_changed = True
                elif event.type == X.PropertyNotify and event.atom == self._rules:
                    since_ms = self._clock.monotonic_ms(event.time, since_ms)
            if is_changed:
                keymap = self._read(self._history.latest.generation + 1)
                self._history = self._history.changed(since_ms, keymap)

    def close(self) -> None:
        """Close the connection; the history stays."""
        disconnect(self._display)

    def _begun(self, before: KeymapHistory | None) -> KeymapHistory:
        if before is None:
            return KeymapHistory(maps=((monotonic_ms(), self._read(0)),))
        if self._read(before.latest.generation) == before.latest:
            return before
        return before.changed(monotonic_ms(), self._read(before.latest.generation + 1))

    def _read(self, generation: int) -> Keymap:
        info = self._display.display.info
        first = info.min_keycode
        rows = self._display.get_keyboard_mapping(first, info.max_keycode - first + 1)
        bare = Keymap(
            generation=generation,
            first=first,
            rows=tuple(tuple(int(keysym) for keysym in row) for row in rows),
            level3=0,
            numlock=0,
        )
        modifiers = self._display.get_modifier_mapping()
        return Keymap(
            generation=generation,
            first=first,
            rows=bare.rows,
            level3=modifier_mask(modifiers, bare, LEVEL3_SHIFT),
            numlock=modifier_mask(modifiers, bare, NUM_LOCK),
        )
