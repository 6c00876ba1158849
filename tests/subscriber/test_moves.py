"""A reading goes on without a hole or a repeat whatever a mover does between two of its calls."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from overt_schemas import api
from overt_schemas.errors import Refused
from overt_schemas.ids import Stream
from overt_schemas.records import Marker, Part, StoredPart
from overt_subscriber import Event, Gap, Session
from overt_subscriber.live import Live
from overt_subscriber.report import Report
from overt_subscriber.sessions import State
from overt_subscriber.source import Unreadable
from overt_subscriber.stored import GONE, Stored
from overt_subscriber.subscription import Subscription
from overt_subscriber.values import Item
from tests.subscriber.authority_twin import GRANT, PURPOSE, Row, run_of
from tests.subscriber.live_world import Clock
from tests.subscriber.moving import Moving
from tests.subscriber.sealing import Device, key_events, session, stored

WORDS = ("he", "llo", " ", "wor", "ld", "!", "and", " ", "on")
Script = Mapping[int, Callable[[Moving], object]]
SMALL = 7_000  # bytes a call: two runs


def rows_of(values: Sequence[Part | Marker]) -> list[Row]:
    return [run_of([value], f"r{at}") for at, value in enumerate(values)]


def whole() -> list[Row]:
    device = Device()
    return rows_of([*session(device, WORDS, segment_every=4), device.end()])


def read(
    rows: list[Row], script: Script, *, page: int = 1000, chunk_bytes: int = SMALL
) -> tuple[str, Report, list[Item], Moving]:
    memory = Moving(rows, script=script, page=page)
    source = Stored(memory, GRANT, chunk_bytes=chunk_bytes)
    subscription = Subscription(source, memory, grant=GRANT, purpose=PURPOSE)
    items = list(subscription)
    return typed(items), subscription.report, items, memory


def typed(items: Sequence[Item]) -> str:
    return "".join(chr(item.keysym) for item in items if isinstance(item, Event))


def calls(rows: list[Row], page: int = 1000) -> int:
    return read(rows, {}, page=page)[3].calls


def check(items: Sequence[Item], report: Report) -> None:
    seqs = [item.seq for item in items if isinstance(item, Event)]
    assert seqs == list(range(len(seqs)))
    assert typed(items) == "".join(WORDS)
    assert [i.state for i in items if isinstance(i, Session)] == [State.COMPLETE]
    assert report.is_sound
    assert (report.holes, report.late, report.refused) == (0, 0, {})


@pytest.mark.parametrize("page", [1000, 4])
def test_a_move_between_any_two_calls_changes_nothing_that_is_read(page: int) -> None:
    rows = whole()

    for at in range(calls(rows, page) + 1):
        _, report, items, memory = read(rows, {at: Moving.move}, page=page)

        check(items, report)
        listings = memory.asked.count("list")
        assert listings <= 2 * -(-len(rows) // page) + 1  # it lists again once


def test_two_moves_between_any_two_pairs_of_calls_change_nothing_either() -> None:
    rows = whole()
    most = read(rows, {}, chunk_bytes=2 * SMALL)[3].calls + 2

    for first in range(most):
        for second in range(first + 1, most):
            script = {first: Moving.move, second: Moving.move}
            _, report, items, _ = read(rows, script, chunk_bytes=2 * SMALL)
            check(items, report)


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(st.integers(0, 30), st.integers(1, 5), max_size=8),
    st.integers(1, 30),
    st.integers(2_000, 40_000),
    st.permutations(range(19)),
)
def test_any_moves_in_any_order_give_the_same_reading(
    moves: dict[int, int], page: int, chunk_bytes: int, order: list[int]
) -> None:
    rows = whole()
    script = {at: partial(Moving.move, most=most) for at, most in moves.items()}

    _, report, items, _ = read(
        [rows[at] for at in order], script, page=page, chunk_bytes=chunk_bytes
    )

    check(items, report)


def test_a_clone_is_found_whatever_was_moved() -> None:
    device = Device()
    parts = session(device, WORDS, segment_every=4)
    clone = device.again(key_events(2, "xyz"), 1, salt=b"forged")
    rows = rows_of([*parts, clone])

    for at in range(calls(rows) + 1):
        _, report, _, _ = read(rows, {at: Moving.move})

        assert report.quarantined == 1
        assert not report.is_sound


def test_who_is_erased_while_others_are_moved_is_told_as_gone_and_the_others_are_read() -> None:
    stays, goes = Device(), Device(device=bytes([7]) * 16)
    kept = session(stays, WORDS, segment_every=4)
    rows = rows_of([*kept, *session(goes, WORDS, segment_every=4)])

    def both(memory: Moving) -> None:
        memory.move()
        memory.erase(goes.device.hex())

    text, report, _, _ = read(rows, {2: both})

    assert text == "".join(WORDS)
    assert report.refused == {GONE: len(rows) - len(kept)}
    assert report.holes == 0


def test_a_refusal_that_nothing_explains_still_ends_the_reading() -> None:
    class Refusing(Moving):
        def read(self, grant: str, runs: Sequence[Any]) -> bytes:
            raise Refused("the authority refuses", reason=api.OUT_OF_SCOPE)

    memory = Refusing(whole())

    with pytest.raises(Refused, match="refuses"):
        list(Stored(memory, GRANT))
    assert memory.asked == ["list", "list"]


def test_what_was_blanked_where_it_lay_is_erased_and_neither_content_nor_corrupt() -> None:
    device = Device()
    parts: list[Part | Marker] = [*session(device, WORDS, segment_every=4), device.end()]
    own = [at for at, part in enumerate(parts) if at in {4, 5, 6, 7}]

    def blank(memory: Moving) -> None:
        memory.blank([f"r{at}" for at in own])

    text, report, items, _ = read(rows_of(parts), {1: blank})

    assert text == "".join(word for at, word in enumerate(WORDS) if at not in {2, 3})
    gaps = [(i.stream, i.reason, i.batches) for i in items if isinstance(i, Gap) and i.batches]
    assert gaps == [(Stream.INPUT, "erased", 2), (Stream.FRAME, "erased", 2)]
    assert report.refused == {"erased": 4}
    assert report.rejected == {}
    assert (report.holes, report.quarantined) == (0, 0)
    assert [i.state for i in items if isinstance(i, Session)] == [State.COMPLETE]


def test_what_was_blanked_explains_its_own_batches_and_no_other_hole() -> None:
    device = Device()
    parts = session(device, WORDS, segment_every=4)
    kept = [(at, part) for at, part in enumerate(parts) if at != 12]  # input batch 6 never came
    rows = [run_of([part], f"r{at}") for at, part in kept]

    def blank(memory: Moving) -> None:
        memory.blank(["r4", "r5"])

    _, report, items, _ = read(rows, {1: blank})

    assert report.refused == {"erased": 2}
    assert report.holes == 1
    assert [i.state for i in items if isinstance(i, Session)] == [State.RED]


def test_all_of_a_person_blanked_is_refused_and_nothing_else() -> None:
    rows = whole()

    def blank(memory: Moving) -> None:
        memory.blank([row.run for row in rows])

    text, report, items, _ = read(rows, {1: blank})

    assert (text, items) == ("", [])
    assert report.refused == {"erased": len(rows)}
    assert report.rejected == {}


class Feed:
    """A feed that brings what it is given, some at each poll."""

    def __init__(self, values: Sequence[Part | Marker], clock: Clock) -> None:
        self.left, self.clock = list(values), clock

    def open(self) -> None:
        """Nothing to open."""

    def close(self) -> None:
        """Nothing to close."""

    def poll(self, seconds: float) -> list[StoredPart | Unreadable]:
        self.clock.pause(seconds)
        some, self.left = self.left[:3], self.left[3:]
        return [stored(value) for value in some]


def test_live_a_move_between_any_two_calls_changes_nothing_either() -> None:
    device = Device()
    parts: list[Part | Marker] = [*session(device, WORDS, segment_every=4), device.end()]
    rows = rows_of(parts)

    for at in range(16):
        clock, standing = Clock(), rows[:6]

        def comes(memory: Moving) -> None:
            memory.move()
            for row in rows[6:]:
                memory.add(row)

        memory = Moving(standing, script={3: comes, 4 + at: Moving.move})
        live = Live(
            memory, GRANT, Feed(parts[4:], clock), clock=clock, pause=clock.pause,
            chunk_bytes=SMALL,
        )  # fmt: skip
        subscription = Subscription(
            live, memory, grant=GRANT, purpose=PURPOSE,
            until=lambda report: report.is_settled and report.read == sum(map(len, WORDS)),
        )  # fmt: skip

        items = list(subscription)

        check(items, subscription.report)
