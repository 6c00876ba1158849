"""Which events may leave the process. Pure.

Allow-list first: an event is admitted only if its gate was open at its own time and the window it
went to is known to belong to an application of the policy. Anything else is refused: its content is
dropped here and what is left is a label and a count. Unknown is refused.
"""

from dataclasses import dataclass
from typing import TypeAlias

from overt_producer.pipeline import gates as gate
from overt_producer.pipeline.values import Closed, GateSpan, Held
from overt_producer.sources.events import InputKind, RawInput, WindowContext, WindowState
from overt_producer.sources.focus import Timeline
from overt_schemas.records import Policy

_KEYS = frozenset({InputKind.KEY_DOWN, InputKind.KEY_UP})
_LIMITS = {"x": (-32768, 32767), "y": (-32768, 32767), "code": (0, 65535),
           "state": (0, 65535), "keysym": (0, 0xFFFFFFFF)}  # fmt: skip
TITLE_LIMIT = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """May be sealed. ``app`` and ``title`` are what had it."""

    held: Held
    app: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """May not; counted under ``reason``. ``is_closed``: the gate itself was shut at its time."""

    held: Held
    reason: str
    is_closed: bool = False


Verdict: TypeAlias = Admitted | Refused


def decide(held: Held, gates: tuple[GateSpan, ...], timeline: Timeline) -> Verdict:
    """Return the verdict on an event whose hold-back is over: what is not known now never will."""
    now = gate.at(gates, held.t_us)
    if now is None:
        return Refused(held=held, reason="stale", is_closed=True)
    if isinstance(now, Closed):
        return Refused(held=held, reason=now.reason, is_closed=True)
    event = held.event
    if any(not low <= getattr(event, name) <= high for name, (low, high) in _LIMITS.items()):
        return Refused(held=held, reason="sensor")
    window = target(event, timeline.at(event.t_ms))
    if window is None or not window.app:
        return Refused(held=held, reason="no_focus")
    if not allows(now.rules, window):
        return Refused(held=held, reason="policy")
    title = window.title[:TITLE_LIMIT] if now.rules.keep_titles else ""
    return Admitted(held=held, app=window.app, title=title)


def target(event: RawInput, state: WindowState | None) -> WindowContext | None:
    """Return the window an event went to: keys to the focus, the pointer to what lies under it."""
    if state is None:
        return None
    return state.focus if event.kind in _KEYS else state.top_at(event.x, event.y)


def allows(rules: Policy, window: WindowContext) -> bool:
    """Return whether a policy lists the application of a window; an unknown one never is."""
    return bool(window.app) and window.app in rules.apps
