"""Which windows are on an X display and which one gets the keys, and since when for certain.

X tells of changes by events without a time. What it does guarantee is order: if a round trip
brings no event, nothing changed before it. So a state is *held* from the end of one look to the
last round trip that brought nothing, and what lies between two states is nobody's. The keys'
real way is taken: the X input focus (not ``_NET_ACTIVE_WINDOW``, a window manager's opinion), and
no window at all while somebody grabs the keyboard (menus, askpass dialogs, Alt-Tab).
"""

import math
import time
from dataclasses import replace
from typing import Any

from Xlib import X

from overt_producer.sources.events import Rect, WindowContext, WindowState
from overt_producer.sources.x11.connection import connect, disconnect, translated
from overt_producer.sources.x11.inspection import Inspector, Seen

# The server's stamps may lag its true time by a tick of its clock.
TICK_MS = 5
LOOKS = 4
PAST_MS = 2000  # stacks are remembered; who wants older ones asks too late
EVERYWHERE = Rect(x=-(1 << 15), y=-(1 << 15), width=1 << 16, height=1 << 16)

NOTIFY_NORMAL, NOTIFY_GRAB, NOTIFY_UNGRAB = X.NotifyNormal, X.NotifyGrab, X.NotifyUngrab


class X11Windows:
    """A ``WindowSource`` on ``$DISPLAY``. One thread calls it."""

    def __init__(self) -> None:
        self._display: Any = connect()
        self._root = self._display.screen().root
        with translated("watching windows"):
            self._inspector = Inspector(self._display)
            self._root.change_attributes(
                event_mask=X.SubstructureNotifyMask | X.StructureNotifyMask | X.PropertyChangeMask
            )
            self._display.sync()
        # A created window is nothing to see until it is mapped.
        self._structural = {
            X.UnmapNotify,
            X.DestroyNotify,
            X.ReparentNotify,
            X.GravityNotify,
            X.CirculateNotify,
            self._display.extension_event.ShapeNotify,
        }
        self._is_grabbed = False
        self._is_stale = True
        self._held_since_ms = 0
        self._revision = 0
        self._stack: tuple[Seen, ...] = ()
        self._focus: Seen | None = None
        self._focus_id = 0
        self._focus_since_ms = 0
        self._focus_news = True
        # What events told since the last look, and what that means for the next state.
        self._told: list[tuple[int, Rect | None]] = []
        self._crossed: list[WindowContext] = []
        # Stacks that ended, and when at the latest.
        self._past: list[tuple[int, tuple[WindowContext, ...]]] = []
        self._watching: set[int] = set()

    def poll(self) -> WindowState:
        """Return what held up to now. Two to five milliseconds after a change, else 0.1."""
        state = self.glance()
        self._crossed = []
        return state

    def glance(self) -> WindowState:
        """Return the same, and leave what changed for the next ``poll`` to tell."""
        with translated("looking at windows"):
            until_ms = _now_ms() - TICK_MS
            if self._news() or self._is_stale:
                self._is_stale = True
                self._look_until_still()
                until_ms = self._held_since_ms
            return WindowState(
                held_since_ms=self._held_since_ms,
                until_ms=max(until_ms, self._held_since_ms),
                focus=self._focus.context if self._focus and not self._is_grabbed else None,
                stack=tuple(seen.context for seen in self._stack),
                revision=self._revision,
                focus_since_ms=self._focus_since_ms,
                crossed=tuple(self._crossed),
            )

    def past(self, since_ms: int) -> list[tuple[WindowContext, ...]]:
        """Return the stacks that ended after a time: their pixels may still be on the screen."""
        self._past = [one for one in self._past if one[0] >= since_ms]
        return [stack for _, stack in self._past]

    def close(self) -> None:
        """Close the connection."""
        disconnect(self._display)

    def _look_until_still(self) -> None:
        """Look until nothing changed during the look; else nobody can tell: an empty state."""
        self._revision += 1
        focus_was, stack_was = self._focus_id, self._stack
        for _ in range(LOOKS):
            self._stack = tuple(self._inspector.stack())
            self._watch()
            self._focus, focus_id = self._inspector.focused(self._stack)
            self._watch_focus(focus_id)
            # The focus may have moved before its events were asked for.
            self._focus, self._focus_id = self._inspector.focused(self._stack)
            if not self._news() and self._focus_id == focus_id:
                self._is_stale = False
                break
        else:
            self._stack, self._focus, self._focus_id = (), None, 0
        self._held_since_ms = math.ceil(time.monotonic_ns() / 1_000_000)
        if self._focus_news or self._focus_id != focus_was or not self._focus:
            self._focus_since_ms, self._focus_news = self._held_since_ms, False
        crossed = self._note_crossed(stack_was)
        if self._revision > 1 and (crossed or _layout(stack_was) != _layout(self._stack)):
            was = tuple(seen.context for seen in stack_was)
            self.past(self._held_since_ms - PAST_MS)
            self._past += [(self._held_since_ms, (*was, *crossed)), (self._held_since_ms, was)]

    def _note_crossed(self, stack_was: tuple[Seen, ...]) -> list[WindowContext]:
        """Work out who the windows were that the events since the last look told of."""
        told, self._told = self._told, []
        known = {seen.frame: seen.context for seen in (*stack_was, *self._stack)}
        mapped = {id_ for id_, rect in told if rect is None}
        crossed: list[WindowContext] = []
        for id_, rect in told:
            if id_ in known:
                context = known[id_]
                crossed.append(context if rect is None else replace(context, rect=rect))
            elif id_ in mapped:
                # It came and went unseen: it may have been anybody's, anywhere.
                crossed.append(WindowContext(app="", rect=EVERYWHERE))
        self._crossed += crossed
        return crossed

    def _news(self) -> bool:
        """Make a round trip; whether it brought anything that matters."""
        self._display.sync()
        is_news = False
        while self._display.pending_events():
            is_news |= self._matters(self._display.next_event())
        return is_news

    def _matters(self, event: Any) -> bool:
        match event.type:
            case X.FocusIn | X.FocusOut:
                is_news = self._note_focus(event)
                self._focus_news |= is_news
                return is_news
            case X.PropertyNotify:
                is_news = event.atom in self._inspector.watched
                # It may say that the focused window is another application's.
                self._focus_news |= is_news
                return is_news
            case X.ConfigureNotify:
                border = 2 * event.border_width
                rect = Rect(
                    x=event.x,
                    y=event.y,
                    width=event.width + border,
                    height=event.height + border,
                )
                self._told.append((event.window.id, rect))
                return True
            case X.MapNotify:
                self._told.append((event.window.id, None))
                return True
            case _:
                return event.type in self._structural

    def _note_focus(self, event: Any) -> bool:
        if event.detail in (X.NotifyPointer, X.NotifyPointerRoot):
            return False
        if event.mode == NOTIFY_GRAB and event.type == X.FocusOut:
            self._is_grabbed = True
        elif event.mode in (NOTIFY_UNGRAB, NOTIFY_NORMAL):
            # A normal change of focus is only reported while nobody grabs.
            self._is_grabbed = False
        return True

    def _watch(self) -> None:
        """Ask for the events of the clients; asking twice does no harm."""
        mask = X.PropertyChangeMask | X.FocusChangeMask
        ids = {id_ for seen in self._stack for id_ in (seen.client, seen.frame)}
        for id_ in ids - self._watching:
            window = self._display.create_resource_object("window", id_)
            window.change_attributes(event_mask=mask, onerror=_ignored)
            window.shape_select_input(1)
        self._watching = ids

    def _watch_focus(self, focus_id: int) -> None:
        if focus_id and focus_id not in self._watching:
            window = self._display.create_resource_object("window", focus_id)
            window.change_attributes(event_mask=X.FocusChangeMask, onerror=_ignored)


def _layout(stack: tuple[Seen, ...]) -> list[tuple[int, str, Rect, bool]]:
    """Return what of a stack decides about pixels."""
    return [(s.frame, s.context.app, s.context.rect, s.context.is_opaque) for s in stack]


def _ignored(*_: Any) -> None:
    """A window may be gone; its DestroyNotify says so."""


def _now_ms() -> int:
    return time.monotonic_ns() // 1_000_000
