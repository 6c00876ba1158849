"""To whom an event belongs, by its time."""

from dataclasses import replace

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


def test_a_key_in_a_gap_is_known_if_the_focus_held_throughout() -> None:
    after = WindowState(
        held_since_ms=180, until_ms=200, focus=EDITOR, stack=(), revision=2, focus_since_ms=40
    )
    line = Timeline().observed(state(0, 100, EDITOR, 1)).observed(after)

    assert line.focus_at(150) is EDITOR


def test_a_key_in_a_gap_with_a_change_of_focus_is_nobodys() -> None:
    after = WindowState(
        held_since_ms=180, until_ms=200, focus=BANK, stack=(), revision=2, focus_since_ms=180
    )
    line = Timeline().observed(state(0, 100, EDITOR, 1)).observed(after)

    assert line.focus_at(150) is None


def clicked(before: tuple[WindowContext, ...], after: WindowState) -> WindowContext | None:
    first = WindowState(held_since_ms=0, until_ms=100, focus=None, stack=before, revision=1)
    found = Timeline().observed(first).observed(after).at(150)
    assert found is not None
    return found.top_at(4, 4)


def ending(
    stack: tuple[WindowContext, ...], crossed: tuple[WindowContext, ...] = ()
) -> WindowState:
    return WindowState(
        held_since_ms=180, until_ms=200, focus=None, stack=stack, revision=2, crossed=crossed
    )


def test_a_click_in_a_gap_belongs_to_the_one_application_that_was_there() -> None:
    menu = WindowContext(app="editor", instance="menu", rect=Rect(x=3, y=3, width=9, height=9))

    assert clicked((EDITOR,), ending((EDITOR,))) is EDITOR
    assert clicked((EDITOR,), ending((EDITOR, menu))) is menu


def test_a_click_in_a_gap_where_another_application_may_have_been_is_nobodys() -> None:
    assert clicked((BANK,), ending((BANK, EDITOR))) is None
    assert clicked((EDITOR,), ending((EDITOR, BANK))) is None
    assert clicked((EDITOR,), ending((EDITOR,), crossed=(BANK,))) is None
    assert clicked((), ending((EDITOR,))) is None


def test_what_crossed_in_a_gap_is_not_forgotten_by_later_polls() -> None:
    first = WindowState(held_since_ms=0, until_ms=100, focus=None, stack=(EDITOR,), revision=1)
    line = Timeline().observed(first).observed(ending((EDITOR,), crossed=(BANK,)))

    line = line.observed(replace(ending((EDITOR,)), until_ms=300))

    gap = line.at(150)
    assert gap is not None
    assert gap.top_at(4, 4) is None


def test_a_click_beside_the_window_that_moved_is_known() -> None:
    moved = WindowContext(app="bank", rect=Rect(x=50, y=50, width=9, height=9))

    assert clicked((EDITOR,), ending((EDITOR, moved), crossed=(moved,))) is EDITOR
