"""Days at a desk for the pure pipeline: what happens, when it is heard of, and what is allowed."""

from dataclasses import dataclass, field, replace

import numpy as np

from overt_producer.pipeline import Batch, Closed, Gate, Inputs, Now, Permit, State, step
from overt_producer.sources.events import (
    DisplayEpoch,
    Grab,
    InputKind,
    Monitor,
    RawInput,
    Rect,
    WindowContext,
    WindowState,
)
from overt_schemas.records import FrameBatch, InputBatch
from tests.producer.fleet import POLICY_OF_TESTS

ZERO_US = 1_764_000_000_000_000  # a whole second, and a whole minute, of Unix time
SCREEN = Rect(x=0, y=0, width=64, height=48)
EPOCH = DisplayEpoch(
    number=0, width=64, height=48, monitors=(Monitor(name="one", rect=SCREEN),)
)  # fmt: skip
EDITOR = WindowContext(app="mousepad", title="note", rect=SCREEN)
OTHER = WindowContext(app="xterm", title="secret", rect=SCREEN)
PERMIT = Permit(
    beacon=7, until_us=1 << 60, policy="policy-1", rules=POLICY_OF_TESTS, consent="c-1",
    person="p-1",
)  # fmt: skip
PAUSE = Closed(reason="pause", ended="pause")


def now_at(t_ms: int) -> Now:
    """Return a reading so many milliseconds into the day."""
    return Now(wall_us=ZERO_US + t_ms * 1000, boot_ns=t_ms * 1_000_000, mono_us=t_ms * 1000)


def key(t_ms: int, code: int = 38, kind: InputKind = InputKind.KEY_DOWN) -> RawInput:
    """Return a key event; ``code`` can tell one from another."""
    return RawInput(t_ms=t_ms, kind=kind, x=5, y=5, code=code)


def window(front: WindowContext | None, since_ms: int, until_ms: int, revision: int) -> WindowState:
    """Return a state with one window in front."""
    return WindowState(
        held_since_ms=since_ms, until_ms=until_ms, focus=front,
        stack=() if front is None else (front,), revision=revision,
    )  # fmt: skip


def grab(t_ms: int, shade: int) -> Grab:
    """Return a screen of one shade."""
    pixels = np.full((48, 64, 4), shade % 256, np.uint8)
    pixels[:, :, 3] = 255
    return Grab(pixels=pixels, before_us=t_ms * 1000, after_us=t_ms * 1000 + 500, epoch=EPOCH)


@dataclass(slots=True)
class Day:
    """A pipeline and what came out of it."""

    state: State = field(default_factory=State)
    gate: Gate = PERMIT
    batches: list[Batch] = field(default_factory=list)
    front: WindowContext | None = EDITOR
    _front_since: int = 0
    _revision: int = 0

    def turn_to(self, front: WindowContext | None, t_ms: int) -> None:
        """Bring another window to the front."""
        if front != self.front:
            self.front, self._front_since = front, t_ms
            self._revision += 1

    def tick(self, t_ms: int, *events: RawInput, shade: int | None = None, **more: object) -> None:
        """Let one tick pass at ``t_ms``."""
        inputs = Inputs(
            gate=self.gate, events=events,
            windows=window(self.front, self._front_since, t_ms, self._revision),
            grab=None if shade is None else grab(t_ms, shade),
        )  # fmt: skip
        self.state, out = step(self.state, replace(inputs, **more), now_at(t_ms))  # type: ignore[arg-type]
        self.batches += out

    def until(self, t_ms: int, step_ms: int = 100, begin_ms: int = 0) -> None:
        """Let empty ticks pass."""
        for at in range(begin_ms, t_ms + 1, step_ms):
            self.tick(at)

    def stop(self, t_ms: int) -> None:
        """End the day."""
        self.tick(t_ms, flush=True)

    @property
    def inputs(self) -> list[InputBatch]:
        """The input batches."""
        return [b.record for b in self.batches if isinstance(b.record, InputBatch)]

    @property
    def frames(self) -> list[FrameBatch]:
        """The frame batches."""
        return [b.record for b in self.batches if isinstance(b.record, FrameBatch)]
