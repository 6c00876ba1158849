from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overt_schemas import api, codec
from overt_schemas.errors import Malformed, Refused
from overt_schemas.records import Header, StoredPart
from overt_subscriber import Event, Session
from overt_subscriber.runs import Page, Run
from overt_subscriber.sessions import State
from overt_subscriber.source import Idle, Settled, Unreadable
from overt_subscriber.stored import CHUNK_BYTES, Stored, first_chunk, in_order, split
from overt_subscriber.subscription import Subscription
from tests.subscriber.authority_twin import GRANT, PURPOSE, MemoryAuthority, Row, run_of
from tests.subscriber.sealing import Device, key_events, session, stored

WORDS = ("he", "llo", "", "wor", "ld", "!")


def run(number: int, size: int = 10, **changes: object) -> Run:
    made = Run(
        run=f"r{number}", kind="part", device=b"d", boot=b"b", activity=0, stream=0, segment=0,
        first_batch=number, last_batch=number, records=1, bytes=size,
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


def test_marks_of_a_boot_are_read_before_its_parts_and_streams_side_by_side() -> None:
    end = run(9, kind="boot_end", first_batch=-1, last_batch=-1, stream=-1)
    runs = [run(2), run(1), run(1, stream=1, run="f1"), end]

    assert [r.run for r in in_order(runs)] == ["r9", "r1", "f1", "r2"]


@given(st.lists(st.integers(1, CHUNK_BYTES), min_size=1, max_size=20))
def test_a_chunk_is_bounded_and_never_empty(sizes: list[int]) -> None:
    runs = [run(at, size) for at, size in enumerate(sizes)]

    chunk = first_chunk(runs)

    assert chunk == runs[: len(chunk)]
    assert len(chunk) == 1 or sum(r.bytes for r in chunk) <= CHUNK_BYTES


def test_a_run_larger_than_any_segment_is_not_read() -> None:
    with pytest.raises(Malformed):
        first_chunk([run(0, 1 << 40)])


def test_records_are_split_as_they_were_packed() -> None:
    records = [
        replace(stored(part), offset=at, headers=(Header(name="trace", value=b"x" * at),))
        for at, part in enumerate(session(Device(), WORDS))
    ]
    data = b"".join(map(codec.pack, records))

    assert list(split(memoryview(data), len(records))) == records


@pytest.mark.parametrize(
    ("cut", "records", "reason"),
    [
        (slice(None, -1), 1, "malformed"),
        (slice(None), 2, "malformed"),
        (slice(None), 0, "left_over"),
    ],
    ids=["short", "too-many", "too-few"],
)
def test_bytes_that_are_not_that_many_records_are_unreadable(
    cut: slice, records: int, reason: str
) -> None:
    data = codec.pack(stored(session(Device(), ("a",))[0]))

    assert list(split(memoryview(data[cut]), records))[-1] == Unreadable(reason=reason)


@given(st.permutations(range(6)), st.integers(1, 4))
def test_nothing_below_what_is_settled_comes_later(order: list[int], page: int) -> None:
    parts = [part for at, part in enumerate(session(Device(), WORDS)) if at % 2 == 0]
    rows = [run_of([parts[at]], f"r{at}") for at in order]
    numbers = {codec.pack(stored(part)): at for at, part in enumerate(parts)}
    settled, early = 0, []

    for news in Stored(MemoryAuthority(rows, page=page), GRANT):
        match news:
            case Settled():
                settled = news.below
            case StoredPart():
                early.append(numbers[codec.pack(news)] >= settled)
            case _:
                pass

    assert settled == 6
    assert all(early)


def test_following_waits_only_when_there_was_nothing_new() -> None:
    waits: list[float] = []
    memory = MemoryAuthority([run_of([session(Device(), ("a",))[0]], "r0")])
    news = iter(Stored(memory, GRANT, follow=True, pause=waits.append))

    idle = [item for item in (next(news) for _ in range(5)) if isinstance(item, Idle)]

    assert [item.runs for item in idle] == [1, 0, 0]
    assert len(waits) == 1


def test_what_waits_behind_a_hole_is_bounded_and_what_fills_it_later_is_late() -> None:
    device = Device()
    parts = session(device, ("a",) * 40, segment_every=40)[::2]
    hole = parts.pop(1)
    memory = MemoryAuthority([run_of([part], f"r{at}") for at, part in enumerate(parts)])
    subscription = Subscription(
        Stored(memory, GRANT, follow=True, pause=lambda _: None), memory, grant=GRANT,
        purpose=PURPOSE, held_bytes=40_000, until=lambda report: report.late > 0,
    )  # fmt: skip
    read: list[int] = []

    for block in subscription.blocks():
        number = getattr(block, "batch", None)
        if number is not None:
            read.append(number)
        if number == 2:
            memory.rows = [*memory.rows, run_of([hole], "late")]

    assert read == [0, *range(2, 40)]
    assert subscription.report.late == 1
    assert subscription.report.holes == 1


class Cohort(MemoryAuthority):
    """An authority that refuses a call which names one run that is not granted any more."""

    def __init__(self, rows: list[Row], goes: str, code: str = api.ERASED) -> None:
        super().__init__(rows)
        self.goes, self.code = goes, code
        self.gone: set[str] = set()

    def segments(self, grant: str, after: str, limit: int) -> Page:
        page = super().segments(grant, after, limit)
        return replace(page, runs=tuple(r for r in page.runs if r.run not in self.gone))

    def read(self, grant: str, runs: Sequence[Run]) -> bytes:
        # After the listing, before its first run is read.
        self.gone = {row.run for row in self.rows if row.device == self.goes}
        if self.code != api.ERASED or self.gone & {run.run for run in runs}:
            raise Refused(f"the authority refuses: {self.code}", reason=self.code)
        return super().read(grant, runs)


@pytest.mark.parametrize("page", [1, 5, 1000])
def test_one_who_is_erased_between_list_and_read_does_not_end_the_reading_of_the_others(
    page: int,
) -> None:
    stays, goes = Device(), Device(device=bytes([7]) * 16)
    rows = [
        run_of([part], f"{device.device.hex()[:2]}-{at}")
        for device in (stays, goes)
        for at, part in enumerate(session(device, WORDS))
    ]
    memory = Cohort(rows, goes.device.hex())
    memory.page = page
    subscription = Subscription(Stored(memory, GRANT), memory, grant=GRANT, purpose=PURPOSE)

    items = list(subscription)

    typed = "".join(chr(item.keysym) for item in items if isinstance(item, Event))
    assert typed == "".join(WORDS)
    assert subscription.report.refused == {api.ERASED: 12}
    assert [item.state for item in items if isinstance(item, Session)] == [State.COMPLETE]


def test_a_refusal_that_no_single_run_explains_ends_the_reading() -> None:
    rows = [run_of([part], f"r{at}") for at, part in enumerate(session(Device(), WORDS))]
    memory = Cohort(rows, "", api.OUT_OF_SCOPE)

    with pytest.raises(Refused, match=api.OUT_OF_SCOPE):
        list(Stored(memory, GRANT))


def test_a_forged_number_far_away_costs_nothing() -> None:
    device = Device()
    parts = session(device, ("a",))
    far = device.again(key_events(9, "z"), 1 << 50)
    memory = MemoryAuthority([run_of([part], f"r{at}") for at, part in enumerate([*parts, far])])

    subscription = Subscription(Stored(memory, GRANT), memory, grant=GRANT, purpose=PURPOSE)
    items = list(subscription)

    assert subscription.report.read == 2
    assert len(items) < 10
