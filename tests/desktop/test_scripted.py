"""The scripted desktop: the same every time, and what is typed shows."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from overt_producer.sources import InputKind, WindowContext
from overt_producer.sources.events import RawInput
from overt_producer.sources.focus import Timeline
from overt_producer.sources.masks import GREY
from overt_producer.sources.raster import text_pixels
from overt_producer.sources.script import EDITOR, OTHER, Script, Writer, hold_buttons, written
from overt_producer.sources.scripted import ScriptedDesktop
from overt_producer.sources.traces import read_ducktrack
from overt_schemas.errors import Malformed
from tests.left_out import RECORDINGS


class Clock:
    def __init__(self) -> None:
        self.ms = 1_000_000

    def __call__(self) -> int:
        return self.ms

    def wait(self, seconds: float) -> None:
        self.ms += round(seconds * 1000)


def desktop_of(script: Script) -> tuple[ScriptedDesktop, Clock]:
    clock = Clock()
    return ScriptedDesktop(script, now_ms=clock, wait=clock.wait), clock


def allow_editor(window: WindowContext) -> bool:
    return window.app == EDITOR.app


def contains(pixels: np.ndarray, pattern: np.ndarray) -> bool:
    height, width = pattern.shape[:2]
    words, wanted = pixels.view(np.uint32)[:, :, 0], pattern.view(np.uint32)[:, :, 0]
    views = np.lib.stride_tricks.sliding_window_view(words, (height, width))
    rows, columns = np.nonzero(views[:, :, 0, 0] == wanted[0, 0])
    return any((views[y, x] == wanted).all() for y, x in zip(rows, columns, strict=True))


def test_a_seed_gives_the_same_day_again() -> None:
    assert written(5, 30_000) == written(5, 30_000)
    assert written(5, 30_000) != written(6, 30_000)


def test_every_input_of_the_script_is_heard_once_in_order() -> None:
    script = written(3, 10_000)
    desktop, clock = desktop_of(script)
    desktop.input.start()
    heard = []

    while not desktop.is_over:
        clock.wait(0.1)
        heard += desktop.input.drain()

    assert [event.t_ms - 1_000_000 for event in heard] == [e.t_ms for e in script.inputs]
    assert desktop.input.counters.accepted == desktop.offered == len(script.inputs)


def test_what_is_typed_while_stopped_is_not_heard() -> None:
    script = Writer(1).front(EDITOR).type("before").wait(1000).type("after").done()
    desktop, clock = desktop_of(script)
    desktop.input.start()
    clock.wait(0.8 + 6 * 0.21)

    desktop.input.stop()
    clock.wait(60)

    downs = [e for e in desktop.input.drain() if e.kind is InputKind.KEY_DOWN]
    assert "before".startswith("".join(chr(e.keysym) for e in downs))
    assert desktop.input.drain() == []


def test_every_typed_key_has_an_application_at_its_time() -> None:
    script = written(9, 20_000, other_text="secret")
    desktop, clock = desktop_of(script)
    desktop.input.start()
    line, heard = Timeline(), []
    while not desktop.is_over:
        clock.wait(0.1)
        line = line.observed(desktop.windows.poll())
        heard += desktop.input.drain()

    keys = [e for e in heard if e.kind is InputKind.KEY_DOWN and e.keysym < 0x100]
    apps = [line.focus_at(event.t_ms) for event in keys]
    in_other = "".join(
        chr(event.keysym) for event, app in zip(keys, apps, strict=True) if app is OTHER
    )
    assert None not in apps
    assert in_other.startswith("secret")


def test_typed_text_shows_in_the_next_frame() -> None:
    desktop, clock = desktop_of(Writer(1).front(EDITOR).type("Canary 42").done())
    clock.wait(0.5)
    before = desktop.screen.grab(allow_editor)

    clock.wait(30)

    assert desktop.screen.changed(0)
    after = desktop.screen.grab(allow_editor)
    assert before is not None
    assert after is not None
    pattern = text_pixels("Canary 42")
    assert contains(after.pixels, pattern)
    assert not contains(before.pixels, pattern)
    assert after.changed_ms is not None
    assert not desktop.screen.changed(0)


def test_the_other_window_never_leaves_the_grabber() -> None:
    script = Writer(1).front(EDITOR).front(OTHER).type("secret").done()
    desktop, clock = desktop_of(script)
    clock.wait(30)

    masked = desktop.screen.grab(allow_editor)
    bare = desktop.screen.look(OTHER.rect)

    assert masked is not None
    inside = masked.pixels[OTHER.rect.y : OTHER.rect.bottom, OTHER.rect.x : OTHER.rect.right]
    assert contains(bare, text_pixels("secret"))
    assert (inside.view(np.uint32) == GREY).all()


def test_frames_are_the_same_every_time() -> None:
    digests = set()
    for _ in range(2):
        desktop, clock = desktop_of(written(4, 5_000))
        clock.wait(4)
        grab = desktop.screen.grab(lambda _: True)
        assert grab is not None
        digests.add(hashlib.sha256(grab.pixels.tobytes()).hexdigest())

    assert len(digests) == 1


def test_a_broken_listener_says_so() -> None:
    desktop, _ = desktop_of(written(4, 5_000))
    desktop.input.start()

    desktop.input.break_down()

    assert not desktop.input.is_alive


def test_a_recording_that_is_none_names_its_line(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text('{"time_stamp": 1.0, "action": "move", "x": 1, "y": 2}\n{"time_stamp": 2}\n')

    with pytest.raises(Malformed, match="line 2"):
        read_ducktrack(path)


def test_a_held_button_shows_in_the_state_as_x_shows_it() -> None:
    kinds = [InputKind.PRESS, InputKind.MOVE, InputKind.RELEASE, InputKind.MOVE]
    inputs = [RawInput(t_ms=n, kind=kind, x=n, y=0, code=1) for n, kind in enumerate(kinds)]

    states = [event.state for event in hold_buttons(inputs)]

    assert states == [0, 0x100, 0x100, 0]


@pytest.mark.realdata
def test_a_real_recording_replays_whole() -> None:
    script = read_ducktrack(RECORDINGS / "ducktrack" / "events.jsonl")

    kinds = [event.kind for event in script.inputs]
    assert kinds.count(InputKind.MOVE) == 13_163
    assert kinds.count(InputKind.PRESS) + kinds.count(InputKind.RELEASE) == 44
    assert kinds.count(InputKind.SCROLL) == 140
    assert kinds.count(InputKind.KEY_DOWN) == kinds.count(InputKind.KEY_UP) == 27
    assert all(event.keysym and event.code for event in script.inputs if event.kind >= 4)
    assert script.duration_ms == pytest.approx(32_500, abs=200)
