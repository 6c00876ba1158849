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
            if before is None:
                before = KeymapHistory(maps=((monotonic_ms(), self._read(0)),))
            self._history = self._grown(before, monotonic_ms())

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
                self._history = self._grown(self._history, since_ms)

    def close(self) -> None:
        """Close the connection; the history stays."""
        disconnect(self._display)

    def _grown(self, history: KeymapHistory, since_ms: int) -> KeymapHistory:
        """Return the history with the map of now, if it is another one than the last.

        The server also says that the map changed when another keyboard is typed on.
        """
        latest = history.latest
        if self._read(latest.generation) == latest:
            return history
        return history.changed(since_ms, self._read(latest.generation + 1))

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
