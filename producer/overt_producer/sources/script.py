"""What a scripted person does, as a value: written by hand, by a seed, or read from a recording.

Pure. Times are milliseconds from the start of the script. ``scripted.py`` plays it.
"""

import random
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from overt_producer.sources.events import InputKind, RawInput, Rect, WindowContext
from overt_producer.sources.keys import (
    SHIFT_CODE,
    SHIFT_KEYSYM,
    SHIFT_STATE,
    Key,
    key_for,
)

WIDTH, HEIGHT = 480, 300
EDITOR = WindowContext(
    app="mousepad",
    instance="mousepad",
    title="note - Mousepad",
    rect=Rect(x=20, y=16, width=300, height=230),
)
OTHER = WindowContext(
    app="xterm",
    instance="xterm",
    title="terminal",
    rect=Rect(x=180, y=90, width=280, height=190),
)
# Longer than two polls of the windows: what is typed this close to a change of window belongs,
# for a source, to nobody.
SWITCH_MS = 400
TALK = """
    open the report add a line about march then save it and send a copy to the team
    check the total again move the picture below the second table fix the title
"""
WORDS = TALK.split()


_BUTTON_STATE = 0x80  # X: Button1Mask is 0x100, and so on to the fifth
_BUTTONS = 5


def hold_buttons(inputs: Iterable[RawInput]) -> list[RawInput]:
    """Return the inputs with the mask of held buttons in their state, as X writes it.

    A press does not show its own button yet, its release still does.
    """
    held, out = 0, list[RawInput]()
    for event in inputs:
        out.append(replace(event, state=event.state | held) if held else event)
        if event.kind in (InputKind.PRESS, InputKind.RELEASE) and 1 <= event.code <= _BUTTONS:
            bit = _BUTTON_STATE << event.code
            held = held | bit if event.kind is InputKind.PRESS else held & ~bit
    return out


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """From ``t_ms`` on this window is in front and has the focus."""

    t_ms: int
    window: WindowContext


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """Inputs and changes of window, each in order of time, on a screen of one size."""

    inputs: tuple[RawInput, ...]
    fronts: tuple[Front, ...]
    width: int = WIDTH
    height: int = HEIGHT

    @property
    def duration_ms(self) -> int:
        """Time of the last thing that happens."""
        last_input = self.inputs[-1].t_ms if self.inputs else 0
        return max(last_input, self.fronts[-1].t_ms if self.fronts else 0)


@dataclass(slots=True)
class Writer:
    """Writes a script one act after another; each act moves its clock on.

    Args:
        seed: of the small irregularities of a hand; the same seed writes the same script.
    """

    seed: int
    _random: random.Random = field(init=False)
    _now_ms: int = field(default=0, init=False)
    _x: int = field(default=60, init=False)
    _y: int = field(default=60, init=False)
    _inputs: list[RawInput] = field(default_factory=list, init=False)
    _fronts: list[Front] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311

    @property
    def now_ms(self) -> int:
        """How long the script is so far."""
        return self._now_ms

    def wait(self, ms: int) -> "Writer":
        """Do nothing for a while."""
        self._now_ms += ms
        return self

    def front(self, window: WindowContext) -> "Writer":
        """Bring a window to the front, with hands off the keys before and after."""
        self._now_ms += SWITCH_MS
        self._fronts.append(Front(t_ms=self._now_ms, window=window))
        self._now_ms += SWITCH_MS
        return self

    def type(self, text: str) -> "Writer":
        """Type a text on a US keyboard, at five to nine keys a second."""
        for character in text:
            self._press(key_for(character))
            self._now_ms += self._random.randint(40, 120)
        return self

    def press(self, key: Key) -> "Writer":
        """Press and let go one key."""
        self._press(key)
        return self

    def move_to(self, x: int, y: int) -> "Writer":
        """Move the pointer there along a line, 60 samples a second."""
        steps = max(2, max(abs(x - self._x), abs(y - self._y)) // 12)
        from_x, from_y = self._x, self._y
        for step in range(1, steps + 1):
            to_x = from_x + (x - from_x) * step // steps
            to_y = from_y + (y - from_y) * step // steps
            self._now_ms += 16
            if (to_x, to_y) != (self._x, self._y):
                self._x, self._y = to_x, to_y
                self._add(InputKind.MOVE)
        return self

    def click(self, x: int, y: int, button: int = 1) -> "Writer":
        """Move there and click."""
        self.move_to(x, y)
        self._now_ms += self._random.randint(30, 90)
        self._add(InputKind.PRESS, button)
        self._now_ms += self._random.randint(50, 110)
        self._add(InputKind.RELEASE, button)
        return self

    def scroll(self, steps: int) -> "Writer":
        """Turn the wheel: positive is down."""
        for _ in range(abs(steps)):
            self._now_ms += self._random.randint(30, 70)
            self._add(InputKind.SCROLL, 5 if steps > 0 else 4)
        return self

    def done(self, width: int = WIDTH, height: int = HEIGHT) -> Script:
        """Return the script."""
        return Script(
            inputs=tuple(hold_buttons(self._inputs)),
            fronts=tuple(self._fronts),
            width=width,
            height=height,
        )

    def _press(self, key: Key) -> None:
        state = SHIFT_STATE if key.is_shifted else 0
        if key.is_shifted:
            self._add(InputKind.KEY_DOWN, SHIFT_CODE, SHIFT_KEYSYM)
            self._now_ms += self._random.randint(20, 50)
        self._add(InputKind.KEY_DOWN, key.code, key.keysym, state)
        self._now_ms += self._random.randint(40, 80)
        self._add(InputKind.KEY_UP, key.code, key.keysym, state)
        if key.is_shifted:
            self._now_ms += self._random.randint(10, 30)
            self._add(InputKind.KEY_UP, SHIFT_CODE, SHIFT_KEYSYM, SHIFT_STATE)

    def _add(self, kind: InputKind, code: int = 0, keysym: int = 0, state: int = 0) -> None:
        self._inputs.append(
            RawInput(
                t_ms=self._now_ms,
                kind=kind,
                x=self._x,
                y=self._y,
                code=code,
                state=state,
                keysym=keysym,
            )
        )


def written(seed: int, duration_ms: int, *, editor_text: str = "", other_text: str = "") -> Script:
    """Return a person who writes in an editor, clicks, scrolls and now and then looks elsewhere.

    Args:
        seed: the same seed gives the same script.
        duration_ms: at least this long; the act under way is finished.
        editor_text: typed in the editor first.
        other_text: typed in the other application, the one that no policy should allow, first.
    """
    chance = random.Random(seed)  # noqa: S311
    writer = Writer(seed).front(EDITOR)
    if editor_text:
        writer.type(editor_text + "\n")
    if other_text:
        writer.front(OTHER).type(other_text + "\n").front(EDITOR)
    while writer.now_ms < duration_ms:
        match chance.randrange(8):
            case 0:
                writer.click(chance.randint(30, 300), chance.randint(40, 230))
            case 1:
                writer.move_to(chance.randint(30, 300), chance.randint(40, 230))
                writer.scroll(chance.choice((-2, 3)))
            case 2:
                writer.front(OTHER).type("ls\n").front(EDITOR)
            case 3:
                writer.wait(chance.randint(200, 1500))
            case _:
                words = " ".join(chance.choice(WORDS) for _ in range(chance.randint(2, 6)))
                writer.type(words.capitalize() + chance.choice((". ", ", ", ".\n")))
    return writer.done()
