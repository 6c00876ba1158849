from collections.abc import Sequence

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from overt_schemas.ids import Stream
from overt_schemas.records import Marker, Part
from overt_subscriber import Event, Frame, Gap, Rejected, Session
from overt_subscriber.report import Report
from overt_subscriber.sessions import State
from overt_subscriber.values import Item
from tests.subscriber.authority_twin import read_all
from tests.subscriber.sealing import (
    Device,
    empty_frames,
    key_events,
    keyframe,
    notice,
    session,
)

WORDS = ("he", "llo", "", "wor", "ld", "!")
TEXT = "".join(WORDS)


def typed(items: Sequence[Item]) -> str:
    return "".join(chr(item.keysym) for item in items if isinstance(item, Event))


def states(items: Sequence[Item]) -> list[State]:
    return [item.state for item in items if isinstance(item, Session)]


def gaps(items: Sequence[Item]) -> list[tuple[str, int]]:
    return [(item.reason, item.batches) for item in items if isinstance(item, Gap)]


def account(report: Report) -> tuple[int, int, int, int]:
    summary = report.to_json()
    return summary["read"], summary["lost"], summary["duplicated"], summary["out_of_order"]


def test_a_whole_session_is_read_once_and_complete() -> None:
    items, report = read_all(session(Device(), WORDS))

    assert typed(items) == TEXT
    assert states(items) == [State.COMPLETE]
    assert account(report) == (len(TEXT), 0, 0, 0)
    assert report.is_sound


def two_devices() -> list[Part]:
    first, second = Device(), Device(device=bytes([7]) * 16)
    parts = session(first, WORDS)
    first.activity = 1
    return parts + session(first, ()) + session(second, WORDS)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_order_and_any_repeats_give_each_event_once_in_order(data: st.DataObject) -> None:
    parts = two_devices()
    repeats = data.draw(st.lists(st.sampled_from(parts), max_size=8))
    arrived = data.draw(st.permutations([*parts, *repeats]))

    items, report = read_all(arrived)

    by_device: dict[bytes, list[int]] = {}
    for item in items:
        if isinstance(item, Event):
            by_device.setdefault(item.session.device, []).append(item.seq)
    assert list(by_device.values()) == [list(range(len(TEXT)))] * 2
    assert report.repeats == len(repeats)
    assert states(items) == [State.COMPLETE, State.COMPLETE]
    assert account(report) == (2 * len(TEXT), 0, 0, 0)


def test_a_batch_made_again_by_another_processor_run_is_a_repeat() -> None:
    device = Device()
    parts = session(device, WORDS)
    again = device.again(key_events(0, "he", first=True), 0, run=1)

    items, report = read_all([*parts, again])

    assert typed(items) == TEXT
    assert report.repeats == 1
    assert report.is_sound


@given(st.permutations(range(3)))
@settings(max_examples=6, deadline=None)
def test_of_a_clone_and_its_original_neither_is_taken(order: list[int]) -> None:
    device = Device()
    parts = session(device, WORDS)
    clone = device.again(key_events(2, "XXX"), 1, run=1, salt=b"clone")
    pair = [parts[2], clone, clone]
    arrived = [*parts[:2], *parts[3:], *(pair[at] for at in order)]

    items, report = read_all(arrived)

    assert typed(items) == TEXT.replace("llo", "")
    assert report.quarantined == 1
    assert ("clone", 1) in gaps(items)
    assert states(items) == [State.RED]
    assert not report.is_sound


def with_hole(
    fill: Sequence[Marker | Part], device: Device, *, stream: Stream
) -> list[Part | Marker]:
    """Six batches of both streams of which number 3 of one stream is what ``fill`` says."""
    missing = 2 * 3 + stream
    parts: list[Part | Marker] = list(session(device, WORDS))
    return [*parts[:missing], *fill, *parts[missing + 1 :]]


def test_a_hole_with_a_tombstone_is_explained_and_its_events_are_labelled() -> None:
    device = Device()
    arrived = with_hole([device.tombstone(Stream.INPUT, "age", 3)], device, stream=Stream.INPUT)

    items, report = read_all(arrived)

    assert typed(items) == TEXT.replace("wor", "")
    assert states(items) == [State.COMPLETE]
    assert report.to_json()["gaps"] == {"age": 3}
    assert report.to_json()["tombstones"] == 1
    assert account(report) == (len(TEXT) - 3, 0, 0, 0)
    assert report.is_sound


def test_a_withheld_batch_is_a_labelled_hole_and_the_session_stays_whole() -> None:
    device = Device()
    mark = device.withheld(Stream.INPUT, "no_consent", 3)

    items, report = read_all(with_hole([mark], device, stream=Stream.INPUT))

    assert typed(items) == TEXT.replace("wor", "")
    assert states(items) == [State.COMPLETE]
    assert report.to_json()["gaps"] == {"no_consent": 3}
    assert report.to_json()["withheld"] == {"no_consent": 1}
    assert account(report) == (len(TEXT) - 3, 0, 0, 0)
    assert report.is_sound


@settings(max_examples=6, deadline=None)
@given(st.permutations(range(3)))
def test_a_withheld_mark_loses_to_the_content_that_a_redrive_brought(order: list[int]) -> None:
    device = Device()
    parts: list[Part | Marker] = list(session(device, WORDS))
    again = [parts[6], *(device.withheld(Stream.INPUT, "after_pause", 3) for _ in range(2))]

    items, report = read_all([*parts[:6], *(again[at] for at in order), *parts[7:]])

    assert typed(items) == TEXT
    assert states(items) == [State.COMPLETE]
    assert report.is_sound


def test_a_mark_of_a_reason_that_withholds_nothing_is_not_taken() -> None:
    device = Device()
    mark = device.withheld(Stream.INPUT, "unknown_device", 3)

    items, _ = read_all(with_hole([mark], device, stream=Stream.INPUT))

    assert Rejected(stage="verify", reason="mark") in items
    assert states(items) == [State.RED]


def test_an_unexplained_hole_makes_the_session_red_and_its_events_lost() -> None:
    items, report = read_all(with_hole([], Device(), stream=Stream.INPUT))

    assert typed(items) == TEXT.replace("wor", "")
    assert states(items) == [State.RED]
    assert ("unexplained", 1) in gaps(items)
    assert account(report) == (len(TEXT) - 3, 3, 0, 0)


def test_a_hole_between_the_raw_offsets_of_a_notice_is_raw_expired() -> None:
    device = Device()
    lost = with_hole([], device, stream=Stream.INPUT)
    # The parts' raw offsets are 1, 2, 3 ...: the missing one, the seventh, had offset 7.
    items, report = read_all([*lost, notice("overt.input.v1", 7, 8)])

    assert states(items) == [State.COMPLETE]
    assert ("raw_expired", 1) in gaps(items)
    assert report.to_json()["gaps"] == {"raw_expired": 3}
    assert report.lost == 0


def test_a_notice_elsewhere_explains_nothing() -> None:
    lost = with_hole([], Device(), stream=Stream.INPUT)

    items, _ = read_all([*lost, notice("overt.input.v1", 1, 2), notice("overt.frame.v1", 7, 8)])

    assert states(items) == [State.RED]


def test_a_hole_in_the_frames_alone_makes_the_session_red() -> None:
    items, report = read_all(with_hole([], Device(), stream=Stream.FRAME))

    assert typed(items) == TEXT
    assert states(items) == [State.RED]
    assert report.lost == 0


def test_a_signed_tombstone_wins_over_the_content_and_an_unsigned_one_loses() -> None:
    device = Device()
    parts = session(device, WORDS)
    forget, age = (
        device.tombstone(Stream.INPUT, "forget", 1),
        device.tombstone(Stream.INPUT, "age", 3),
    )

    items, report = read_all([*parts, forget, age])

    assert typed(items) == TEXT.replace("llo", "")
    assert report.to_json()["gaps"] == {"forget": 3}


def killed() -> list[Part | Marker]:
    """Two seconds of an activity that never ended, and the boot end that says so."""
    device = Device()
    parts: list[Part | Marker] = list(session(device, WORDS)[:4])
    device.batches = dict.fromkeys(Stream, 2)
    return [*parts, device.end()]


def test_a_boot_end_makes_an_unfinished_session_cut_with_one_killed_gap() -> None:
    items, report = read_all(killed())

    assert typed(items) == "hello"
    assert states(items) == [State.CUT]
    killed_gaps = [item for item in items if isinstance(item, Gap) and item.reason == "killed"]
    assert len(killed_gaps) == 1
    assert 0 < killed_gaps[0].from_us < killed_gaps[0].to_us
    assert report.to_json()["killed"] == 1
    assert report.is_sound


def test_a_boot_end_that_counts_batches_which_have_not_come_leaves_the_session_open() -> None:
    device = Device()
    parts: list[Part | Marker] = list(session(device, WORDS)[:4])

    items, _ = read_all([*parts, device.end(input_batches=3, frame_batches=2)])

    assert states(items) == [State.OPEN]


def test_an_unfinished_session_without_a_boot_end_is_open() -> None:
    items, report = read_all(killed()[:-1])

    assert states(items) == [State.OPEN]
    assert report.is_sound


def test_an_activity_of_another_person_in_between_is_not_missing() -> None:
    device = Device()
    parts = session(device, ("a", "b"))
    device.activity = 1
    session(device, ("their", "secret"))
    device.activity = 2
    later = [
        device.seal(key_events(13, "z", activity=2, first=True, final=True)),
        device.seal(empty_frames(2, first=True, final=True)),
    ]

    items, report = read_all([*parts, *later])

    assert typed(items) == "abz"
    assert states(items) == [State.COMPLETE, State.COMPLETE]
    assert account(report) == (3, 0, 0, 0)
    assert report.is_sound


def test_a_forged_signature_is_rejected_and_leaves_a_hole() -> None:
    device, forger = Device(), Device(processor=type(Device().processor)("proc-1", bytes([9]) * 32))
    parts: list[Part | Marker] = list(session(device, WORDS))
    parts[6] = forger.again(key_events(5, "EVIL"), 3)

    items, _ = read_all(parts)

    assert "EVIL" not in typed(items)
    assert [item for item in items if isinstance(item, Rejected)] == [
        Rejected(stage="verify", reason="signature")
    ]
    assert states(items) == [State.RED]


def test_a_break_in_the_chain_is_read_and_counted() -> None:
    device = Device()
    first = device.seal(key_events(0, "a", first=True), salt=b"other")
    rest = [
        device.seal(key_events(1, "b", final=True)),
        device.seal(empty_frames(first=True)),
        device.seal(empty_frames(final=True)),
    ]

    items, report = read_all([first, *rest])

    assert typed(items) == "ab"
    assert report.to_json()["chain_breaks"] == 1
    assert not report.is_sound


def test_a_grant_for_input_alone_is_complete_without_frames() -> None:
    parts = [p for at, p in enumerate(session(Device(), WORDS)) if at % 2 == 0]

    items, _ = read_all(parts, streams=(Stream.INPUT,))

    assert states(items) == [State.COMPLETE]


def test_frames_are_read_with_proved_pixels_and_a_wrong_hash_is_flagged() -> None:
    device = Device()
    raster = np.full((4, 6, 4), 0xFF, np.uint8)
    raster[1, 2, :3] = (1, 2, 3)
    good, bad = keyframe(0, raster), keyframe(1, raster, hash=bytes(16))
    parts = [
        device.seal(key_events(0, "a", first=True, final=True)),
        device.seal(empty_frames(first=True, final=True, frames=(good, bad))),
    ]

    items, report = read_all(parts)

    frames = [item for item in items if isinstance(item, Frame)]
    assert [frame.proof.value for frame in frames] == ["verified", "mismatch"]
    assert np.array_equal(frames[0].pixels(), raster)
    assert (report.frames, report.frames_bad) == (2, 1)
    assert not report.is_sound


def test_no_key_is_asked_for_a_repeat_a_clone_or_a_forgotten_batch() -> None:
    from tests.subscriber.authority_twin import MemoryAuthority

    device = Device()
    parts = session(device, ("a",))
    repeat = device.again(key_events(0, "a", first=True, final=True), 0, run=1)
    memory = MemoryAuthority([])

    read_all([*parts, repeat], keys=memory)

    assert len(memory.released) == 2


def test_what_holds_content_does_not_show_it() -> None:
    items, _ = read_all(session(Device(), ("q",)))

    event = next(item for item in items if isinstance(item, Event))

    assert "113" not in repr(event)
