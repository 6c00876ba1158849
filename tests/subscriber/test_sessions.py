import pytest

from overt_schemas.ids import Stream
from overt_subscriber.batches import BatchSet
from overt_subscriber.sessions import sessions
from tests.subscriber.test_batches import fact

BOTH = (Stream.INPUT, Stream.FRAME)


def line(text: str, end: int | None = None) -> BatchSet:
    """A stream from signs, one a batch: ``( - )`` first, middle, final of an activity, ``o`` all of
    them, ``t`` tombstone, ``c`` clone, ``.`` missing. ``(`` and ``o`` begin the next activity, and
    so does ``+``, which is no batch."""
    batches, activity, number = BatchSet(), -1, 0
    for sign in text:
        activity += sign in "(o+"
        if sign == "+":
            continue
        made = fact(number, activity=activity, first=sign in "(o", final=sign in ")o")
        if sign == "t":
            made = fact(number, activity=-1, reason="age")
        if sign != ".":
            batches.add(number, made)
        if sign == "c":
            batches.add(number, fact(number, raw=bytes(32)))
        number += 1
    if end is not None:
        batches.close(end)
    return batches


def states(inputs: BatchSet, frames: BatchSet) -> list[str]:
    streams = {Stream.INPUT: inputs, Stream.FRAME: frames}
    return [s.state.value for s in sessions(b"d", b"b", streams, BOTH)]


@pytest.mark.parametrize(
    ("text", "end", "expected"),
    [
        ("(--)", None, ["complete"]),
        ("(-)(-)", None, ["complete", "complete"]),
        ("(--", None, ["open"]),
        ("(--", 3, ["cut"]),
        ("(--", 4, ["open"]),
        ("(-)(-", 5, ["complete", "cut"]),
        ("(.-)", None, ["red"]),
        ("(t-)", None, ["complete"]),
        ("+t--)", None, ["complete"]),
        ("+.--)", None, ["red"]),
        ("(c-)", None, ["red"]),
        ("(-c", None, ["red"]),
        ("(-t", 3, ["cut"]),
        ("(-tt-)", None, ["complete"]),
        ("(-.(-)", None, ["red", "complete"]),
        ("(-t(-)", None, ["complete", "complete"]),
        ("(-).(-)", None, ["complete", "red"]),
        ("(-)t(-)", None, ["complete", "complete"]),
        ("(-.t", None, ["red"]),
    ],
)
def test_a_stream_of_signs_has_these_states(
    text: str, end: int | None, expected: list[str]
) -> None:
    assert states(line(text, end), line(text, end)) == expected


def test_the_worse_stream_decides() -> None:
    assert states(line("(-)"), line("(-")) == ["open"]
    assert states(line("(-"), line("(.-)")) == ["red"]


def test_a_session_without_frames_is_open_until_a_boot_end_says_there_were_none() -> None:
    assert states(line("(-"), line("")) == ["open"]
    assert states(line("(-", 2), line("", 0)) == ["cut"]


def test_a_session_whose_frames_were_all_dropped_on_purpose_is_complete() -> None:
    assert states(line("(-)(-)(-)"), line("(-)tt+(-)")) == ["complete", "complete", "complete"]


def test_a_session_without_any_frames_between_two_that_touch_is_red() -> None:
    assert states(line("(-)(-)(-)"), line("(-)+(-)")) == ["complete", "red", "complete"]
