"""To whom an event belongs, by its time."""

from overt_producer.sources import Rect, WindowContext, WindowState
from overt_producer.sources.focus import KEEP_MS, Timeline

EDITOR = WindowContext(app="editor", rect=Rect(x=0, y=0, width=9, height=9))
BANK = WindowContext(app="bank", rect=Rect(x=0, y=0, width=9, height=9))


def state(since: int, until: int, focus: WindowContext | None, revision: int) -> WindowState:
    return WindowState(
        held_since_ms=since, until_ms=until, focus=focus, stack=(), revision=revision
    )


def test_an_event_between_two_states_belongs_to_nobody() -> None:
    line = Timeline().observed(state(0, 100, EDITOR, 1)).observed(state(180, 200, BANK, 2))

    assert line.focus_at(100) is EDITOR
    assert line.focus_at(101) is None
    assert line.focus_at(179) is None
    assert line.focus_at(180) is BANK


def test_an_event_after_the_last_poll_waits() -> None:
    line = Timeline().observed(state(0, 100, EDITOR, 1))

    assert line.at(101) is None
    assert line.known_until_ms == 100
    assert line.observed(state(0, 200, EDITOR, 1)).focus_at(101) is EDITOR


def test_an_event_before_the_first_state_belongs_to_nobody() -> None:
    found = Timeline().observed(state(50, 100, EDITOR, 1)).at(49)

    assert found is not None
    assert found.focus is None


def test_the_timeline_does_not_grow_without_bound() -> None:
    line = Timeline()
    for number in range(200):
        line = line.observed(state(number * 1000, number * 1000 + 900, EDITOR, number))

    assert len(line.states) <= KEEP_MS // 1000 + 1
