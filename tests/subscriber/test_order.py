"""What waits in memory, and what is counted, when a feed runs far ahead of the store."""

from overt_schemas.envelope import part
from overt_schemas.ids import Stream
from overt_schemas.records import Marker, Part
from overt_schemas.signing import Keyring
from overt_subscriber.batches import StreamKey, Verdict
from overt_subscriber.intake import Arrival, admit
from overt_subscriber.order import Order
from tests.subscriber.sealing import ROOT_KEY, Device, key_events, keyset, notice, session, stored

RING = Keyring(root=ROOT_KEY.public_bytes()).accept(keyset())


def arrival(value: Part | Marker) -> Arrival:
    return admit(stored(value), RING)


def inputs(number: int, count: int) -> list[Part]:
    device = Device(device=bytes([number]) * 16)
    return list(session(device, ("words",) * count, segment_every=count)[::2])


def key_of(value: Part) -> StreamKey:
    segment = part.load(part.SegmentHeader, value.segment)
    return StreamKey(device=segment.device, boot=segment.boot, stream=Stream.INPUT)


def test_what_is_ahead_of_the_store_does_not_keep_the_store_from_its_bound() -> None:
    limit, held = 80_000, []
    order = Order(limit)
    for value in inputs(1, 40)[1:]:
        order.add(arrival(value), ahead=True)
        order.ready(key_of(value))

    for number in range(2, 8):
        values = inputs(number, 10)
        for value in (values[0], *values[2:]):
            order.add(arrival(value))
        order.settle(key_of(values[0]), 10)
        held.append(sum(line.size for line in order._lines.values()))

    assert max(held) <= limit


def test_a_clone_that_was_unlearnt_and_comes_again_is_counted_once() -> None:
    device = Device()
    device.seal(key_events(0, "a", first=True))
    first, other = (
        device.again(key_events(1, "b"), 1),
        device.again(key_events(1, "b"), 1, salt=b"x"),
    )
    order = Order()
    for value in (first, other):
        order.add(arrival(value), ahead=True)
    order.finish()

    verdicts = [order.add(arrival(value)) for value in (first, other)]

    assert verdicts == [Verdict.NEW, Verdict.CLONE]
    assert order.clones() == 1


def test_a_notice_that_is_said_a_thousand_times_is_kept_once() -> None:
    order = Order()
    for _ in range(1000):
        order.add(arrival(notice("overt.input.v1", 5, 6)))

    assert len(order._notices[Stream.INPUT]) == 1
