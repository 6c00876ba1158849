"""Recorded X events to input events: times, kinds, keysyms, repeats. Pure but for its counts."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from overt_producer.sources.events import InputKind, RawInput
from overt_producer.sources.x11.keymap import KeymapHistory
from overt_producer.sources.x11.servertime import ServerClock

# Event codes of the core protocol.
KEY_PRESS, KEY_RELEASE, BUTTON_PRESS, BUTTON_RELEASE, MOTION = 2, 3, 4, 5, 6
SCROLL_BUTTONS = range(4, 8)


class Heard(NamedTuple):
    """One X event as it was recorded; ``time`` is the server's 32-bit stamp."""

    type: int
    detail: int
    time: int
    x: int
    y: int
    state: int
    is_sent: bool


KINDS = {
    KEY_PRESS: InputKind.KEY_DOWN,
    KEY_RELEASE: InputKind.KEY_UP,
    BUTTON_PRESS: InputKind.PRESS,
    BUTTON_RELEASE: InputKind.RELEASE,
    MOTION: InputKind.MOVE,
}


def is_accepted(kind: int, detail: int) -> bool:
    """Whether a recorded event is an input event: the release of a scroll step is none."""
    return kind in KINDS and not (kind == BUTTON_RELEASE and detail in SCROLL_BUTTONS)


@dataclass(slots=True, kw_only=True)
class Assembler:
    """Holds events until they are complete up to a time, then gives them in order.

    Attributes:
        clock: reads the server's stamps.
        late: events given after one with a later time.
        orphan_releases: releases without a press since the start.
    """

    clock: ServerClock
    late: int = 0
    orphan_releases: int = 0
    _waiting: list[RawInput] = field(default_factory=list)
    _down: set[tuple[bool, int]] = field(default_factory=set)
    _given_ms: int = -1

    def add(self, heard: Iterable[Heard], keymaps: KeymapHistory, now_ms: int) -> None:
        """Take recorded events in; they may come in any order."""
        for event in heard:
            t_ms = self.clock.monotonic_ms(event.time, now_ms)
            is_key = event.type in (KEY_PRESS, KEY_RELEASE)
            kind = KINDS[event.type]
            if kind is InputKind.PRESS and event.detail in SCROLL_BUTTONS:
                kind = InputKind.SCROLL
            keymap = keymaps.at(t_ms)
            self._waiting.append(
                RawInput(
                    t_ms=t_ms,
                    kind=kind,
                    x=event.x,
                    y=event.y,
                    code=0 if kind is InputKind.MOVE else event.detail,
                    state=event.state,
                    keysym=keymap.keysym(event.detail, event.state) if is_key else 0,
                    layout=keymap.generation,
                    is_injected=event.is_sent,
                )
            )

    def take(self, until_ms: int | None) -> list[RawInput]:
        """Return the events up to a time, or all of them, in order and with repeats marked."""
        # The sort is stable: events of one millisecond stay as they were recorded.
        self._waiting.sort(key=lambda event: event.t_ms)
        count = len(self._waiting)
        if until_ms is not None:
            count = sum(event.t_ms <= until_ms for event in self._waiting)
        ready, self._waiting = self._waiting[:count], self._waiting[count:]
        return [self._given(event) for event in ready]

    def released(self) -> None:
        """Forget which keys are down: while nobody listened, anything may have happened."""
        self._down.clear()

    def _given(self, event: RawInput) -> RawInput:
        if event.t_ms < self._given_ms:
            self.late += 1
        self._given_ms = max(self._given_ms, event.t_ms)
        key = (event.kind in (InputKind.KEY_DOWN, InputKind.KEY_UP), event.code)
        match event.kind:
            case InputKind.KEY_DOWN if key in self._down:
                return replace(event, is_repeat=True)
            case InputKind.KEY_DOWN | InputKind.PRESS:
                self._down.add(key)
            case InputKind.KEY_UP | InputKind.RELEASE if key not in self._down:
                self.orphan_releases += 1
            case InputKind.KEY_UP | InputKind.RELEASE:
                self._down.discard(key)
            case InputKind.MOVE | InputKind.SCROLL:
                pass
        return event
