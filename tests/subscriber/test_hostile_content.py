"""What a hostile device, or whoever can write to the store, may do to a reader: be counted."""

import io
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from overt_schemas import codec
from overt_schemas.columns import Kind
from overt_schemas.envelope import marks
from overt_schemas.errors import Malformed
from overt_schemas.ids import SessionId, Stream
from overt_schemas.records import Context, Part, StoredPart
from overt_schemas.signing import Keyring
from overt_subscriber import Event, Frame, Subscription, frames
from overt_subscriber import subscription as subscriptions
from overt_subscriber.frames import Proof, Screen
from overt_subscriber.intake import admit
from overt_subscriber.render import Output, Printer
from overt_subscriber.report import Report
from overt_subscriber.source import Unreadable
from overt_subscriber.stored import Stored, split
from overt_subscriber.text import character
from overt_subscriber.values import Item
from tests.subscriber import sealing
from tests.subscriber.authority_twin import GRANT, PURPOSE, MemoryAuthority, read_all, run_of
from tests.subscriber.sealing import Device, empty_frames, keyframe
from tests.subscriber.test_frames import delta, fed, random_raster

SESSION = SessionId(device=b"d", boot=b"b", activity=0)


def event(**changes: object) -> Event:
    made = Event(
        session=SESSION, seq=0, t_us=0, kind=Kind.KEY_DOWN, x=0, y=0, code=0, state=0,
        keysym=ord("a"), flags=0, layout=0, app="editor", title="",
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


def printed(output: Output, *events: Event) -> bytes:
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="utf-8")  # as stdout is: no lone surrogate gets through
    printer = Printer(output, out, limit=10, text=True)
    for one in events:
        printer.item(one)
    printer.summary(Report())
    out.flush()
    return raw.getvalue()


@pytest.mark.parametrize("output", list(Output))
@pytest.mark.parametrize("keysym", [0x0100D800, 0x0100DFFF, 0x0110FFFF, 0xFFFFFFFF])
def test_no_key_ends_a_reading(output: Output, keysym: int) -> None:
    assert character(keysym).encode()
    assert printed(output, event(keysym=keysym))


@pytest.mark.parametrize("output", list(Output))
@pytest.mark.parametrize("t_us", [2**63 - 1, -(2**63), 253_402_300_800_000_000])
def test_no_time_ends_a_reading(output: Output, t_us: int) -> None:
    assert printed(output, event(t_us=t_us))


@pytest.mark.parametrize("output", list(Output))
@pytest.mark.parametrize("sign", ["\x1b", "\x9b", "\x07", "\x08", "\u202e", "\r"])
def test_no_captured_text_commands_the_terminal(output: Output, sign: str) -> None:
    key = 0x0100202E if sign == "\u202e" else ord("a")
    shown = printed(output, event(app=f"a{sign}]0;x", title=f"a{sign}]0;x", keysym=key)).decode()

    assert output is not Output.TABLE or sign not in shown
    assert "\x1b" not in shown


def test_a_stored_record_of_many_elements_costs_no_memory() -> None:
    whole = codec.pack(
        StoredPart(
            topic_id="t", partition=0, offset=0, append_ms=0, key=b"", headers=(), schema_id=3,
            value=b"",
        )
    )  # fmt: skip
    # The array of headers is empty in `whole`: put one of two million empty headers in its place.
    at = len(whole) - 3
    assert whole[at] == 0
    count = 2_000_000
    bomb = whole[:at] + _long(count) + bytes(2 * count) + whole[at:]
    tracemalloc.start()
    try:
        answer = list(split(memoryview(bomb), 1))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert answer == [Unreadable(reason="malformed")]
    assert peak < 32 * 1_048_576


def _long(value: int) -> bytes:
    zigzag, out = value << 1, bytearray()
    while zigzag > 0x7F:
        out.append(zigzag & 0x7F | 0x80)
        zigzag >>= 7
    out.append(zigzag)
    return bytes(out)


def test_a_boot_whose_raster_was_let_go_draws_on() -> None:
    first, second, third = (random_raster(seed) for seed in range(3))
    key = keyframe(0, first)
    screen = Screen()
    op = key.ops[0]
    one = fed(screen, key, middle := delta(key, second, op))

    screen.rest()
    two = fed(screen, delta(middle, third, op))

    assert [frame.proof for frame in (*one, *two)] == [Proof.VERIFIED] * 3
    assert np.array_equal(two[0].pixels(), third)


def test_a_chain_without_a_keyframe_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "MAX_CHAIN", 3_000)
    sent = [keyframe(0, random_raster(0))]
    for seed in range(1, 20):
        sent.append(delta(sent[-1], random_raster(seed), sent[0].ops[0]))
    again = keyframe(20, random_raster(20))

    *chain, last = fed(Screen(), *sent, again)

    assert chain[0].proof is Proof.VERIFIED
    assert chain[-1].proof is Proof.NO_BASE
    assert last.proof is Proof.VERIFIED


def test_the_rasters_of_many_boots_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    raster = random_raster(1, width=64, height=64)
    monkeypatch.setattr(subscriptions, "RASTER_BYTES", 2 * raster.nbytes)
    devices = [Device(boot=bytes([number]) * 16) for number in range(1, 9)]
    parts = []
    for device in devices:  # none of them ends: a killed endpoint leaves its screen so
        parts.append(device.seal(empty_frames(first=True, frames=(keyframe(0, raster),))))
        parts.append(device.seal(sealing.key_events(0, "a", first=True)))

    items, report, subscription = read_all_with(parts)

    assert [item.proof for item in items if isinstance(item, Frame)] == [Proof.VERIFIED] * 8
    assert subscription.raster_bytes <= 2 * raster.nbytes
    assert report.frames_bad == 0


def test_an_activity_that_is_over_keeps_no_raster() -> None:
    device = Device()
    raster = random_raster(1)
    batch = empty_frames(first=True, final=True, frames=(keyframe(0, raster),))
    parts = [device.seal(batch), device.seal(sealing.key_events(0, "a", first=True, final=True))]

    _, _, subscription = read_all_with(parts)

    assert subscription.raster_bytes == 0


def read_all_with(parts: list[Part]) -> tuple[list[Item], Report, Subscription]:
    memory = MemoryAuthority([run_of([one], f"run-{at}") for at, one in enumerate(parts)])
    subscription = Subscription(Stored(memory, GRANT), memory, grant=GRANT, purpose=PURPOSE)
    return list(subscription), subscription.report, subscription


@pytest.mark.parametrize("changes", [{"reason": ""}, {"reason": "because"}, {"batch": -1}], ids=str)
def test_a_mark_that_means_nothing_is_not_taken(changes: dict[str, object]) -> None:
    device = Device()
    whole = device.tombstone(Stream.INPUT)
    known = marks.read_mark(whole)
    assert isinstance(known, marks.TombstoneMark)
    mark = replace(known, **changes)  # type: ignore[arg-type]
    ring = Keyring(root=sealing.ROOT_KEY.public_bytes()).accept(sealing.keyset())
    odd = marks.seal_mark(mark, b"", sealing.PROCESSOR)

    admit(sealing.stored(whole), ring)
    with pytest.raises(Malformed):
        admit(sealing.stored(odd), ring)


def test_a_context_with_control_characters_is_still_read() -> None:
    context = Context(t_us=0, app="\x1b[2J", title="")
    batch = sealing.key_events(0, "a", first=True, final=True, contexts=(context,))
    device = Device()

    items, report = read_all(
        [device.seal(batch), device.seal(empty_frames(first=True, final=True))]
    )

    assert [item.app for item in items if isinstance(item, Event)] == ["\x1b[2J"]
    assert report.is_sound
