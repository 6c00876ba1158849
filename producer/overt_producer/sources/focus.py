"""To which window an event belonged, by its time. Pure.

Input arrives late and in bunches, window states are polled: both are joined here by time, in any
order of arrival. Between two different states is a gap. In a gap a key is known to have gone to a
window if that window had the focus throughout, and a click if every window that may have been on
top at its place is of one application. Otherwise the answer is None, never a guess.
"""

from bisect import bisect_right
from dataclasses import dataclass, replace

from overt_producer.sources.events import WindowContext, WindowState

# Input is held back at most 3.5 s (architecture.md), so a minute of states is ample.
KEEP_MS = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """The states of the last minute, in order of time."""

    states: tuple[WindowState, ...] = ()

    @property
    def known_until_ms(self) -> int:
        """Events up to this time can be decided; later ones must wait for the next poll."""
        return self.states[-1].until_ms if self.states else -1

    def observed(self, state: WindowState) -> "Timeline":
        """Return the timeline after one more poll."""
        kept = self.states
        if kept and kept[-1].revision == state.revision:
            # One state that goes on: what crossed on the way to it is still true.
            state = replace(state, crossed=kept[-1].crossed + state.crossed)
            kept = kept[:-1]
        oldest = state.until_ms - KEEP_MS
        kept = tuple(s for s in kept if s.until_ms >= oldest)
        return Timeline(states=(*kept, state))

    def at(self, t_ms: int) -> WindowState | None:
        """Return what held at a time, as far as it is known; None if that is not known *yet*."""
        if t_ms > self.known_until_ms:
            return None
        index = bisect_right(self.states, t_ms, key=lambda s: s.held_since_ms) - 1
        if index >= 0 and t_ms <= self.states[index].until_ms:
            return self.states[index]
        if index < 0:
            return WindowState(held_since_ms=t_ms, until_ms=t_ms, focus=None, stack=(), revision=-1)
        return _gap(self.states[index], self.states[index + 1], t_ms)

    def focus_at(self, t_ms: int) -> WindowContext | None:
        """Return the window that got the keys at a time; None if unknown or not known yet."""
        state = self.at(t_ms)
        return state.focus if state else None


def _gap(before: WindowState, after: WindowState, t_ms: int) -> WindowState:
    """Return what is known of a moment between two states."""
    since_ms = after.focus_since_ms
    has_held = since_ms is not None and since_ms <= t_ms
    return replace(
        after,
        held_since_ms=t_ms,
        until_ms=t_ms,
        focus=after.focus if has_held else None,
        before=before.stack,
    )
