"""What SQL says is said to Kafka: in order, at least once, before anybody is answered."""

from collections.abc import Sequence

import pytest

from overt_authority import outbox
from overt_authority.publish import MemoryPublisher, Outgoing
from overt_authority.services import Services
from overt_schemas import codec, topics
from overt_schemas.errors import Transient
from overt_schemas.records import Overlay, Person, Signed
from tests.authority import kit, story
from tests.authority.kit import World


def test_while_brokers_are_down_nobody_is_answered_and_nothing_is_forgotten(
    services: Services, spoken: MemoryPublisher
) -> None:
    endpoint = story.enrol(services)
    said = story.receipt(services, endpoint)
    spoken.down = True
    with pytest.raises(Transient):
        story.say(services, endpoint, said)
    waiting = services.receipts.is_registered(endpoint.enrolled.device, said.consent)

    spoken.down = False
    story.say(services, endpoint, said)

    assert not waiting, "a consent counts once its record is acknowledged"
    assert services.receipts.is_registered(endpoint.enrolled.device, said.consent)
    versions = [_person(record.value).version for record in spoken.of(topics.PERSON)]
    assert versions == [1, 2]


def test_a_receipt_taken_twice_changes_nothing(services: Services, spoken: MemoryPublisher) -> None:
    endpoint = story.enrol(services)
    said = story.agree(services, endpoint)
    size, records = services.log.head().size, len(spoken.records)

    story.say(services, endpoint, said)

    assert (services.log.head().size, len(spoken.records)) == (size, records)


def test_records_go_out_in_the_order_they_were_promised(
    services: Services, spoken: MemoryPublisher
) -> None:
    with services.database.write() as db:
        for number in range(1200):
            outbox.put(db, "topic", b"key", number.to_bytes(2, "big"))

    services.outbox.flush()

    assert [int.from_bytes(r.value, "big") for r in spoken.of("topic")] == list(range(1200))


def test_a_start_publishes_what_the_last_process_promised(world: World) -> None:
    spoken = MemoryPublisher()
    with kit.running(world, publisher=spoken) as (services, _):
        spoken.down = True
        with pytest.raises(Transient):
            story.enrol(services)
        spoken.down = False
        assert not spoken.of(topics.DEVICE)

    with kit.running(world, publisher=spoken):
        assert len(spoken.of(topics.DEVICE)) == len(spoken.of(topics.PERSON)) == 1


def test_a_second_start_publishes_no_key_set_and_no_policy_anew(world: World) -> None:
    spoken = MemoryPublisher()
    for _ in range(2):
        with kit.running(world, publisher=spoken):
            pass

    assert [record.key for record in spoken.of(topics.CONTROL)] == [b"keyset", b"policy/demo/1"]


def test_a_changed_policy_is_a_new_version_and_a_broken_one_changes_nothing(
    services: Services, world: World, spoken: MemoryPublisher
) -> None:
    world.policy(segment_s=60)
    services.policies.publish()
    (world.folder / "policies" / "demo.toml").write_text("group = ")
    services.policies.publish()
    services.outbox.flush()

    keys = [record.key for record in spoken.of(topics.CONTROL)]
    assert keys == [b"keyset", b"policy/demo/1", b"policy/demo/2"]


def test_a_pause_is_said_at_once_to_endpoints_and_to_brokers(
    services: Services, spoken: MemoryPublisher
) -> None:
    endpoint = story.enrol(services)
    device = f"device:{endpoint.enrolled.device.hex()}"

    first = services.pauses.pause(["demo", device], "op-1")
    second = services.pauses.resume(["demo", device], "op-1")

    overlays = [
        codec.unpack(Overlay, codec.decode(record.value, Signed).body)
        for record in spoken.of(topics.CONTROL)
        if (record.key or b"").startswith(b"overlay/")
    ]
    assert second == first + 1
    assert [(o.scope, o.version, o.active) for o in overlays] == [
        ("demo", 1, True),
        ("demo", 2, False),
    ]
    assert len(spoken.of(topics.DEVICE)) == 3


def _person(framed: bytes) -> Person:
    return codec.unpack(Person, codec.decode(framed, Signed).body)


def test_no_more_is_published_at_once_than_a_producer_holds(
    services: Services, spoken: MemoryPublisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    publish = spoken.publish

    def measured(records: Sequence[Outgoing]) -> None:
        sizes.append(sum(len(record.value) for record in records))
        publish(records)

    monkeypatch.setattr(spoken, "publish", measured)
    with services.database.write() as db:
        for number in range(70):
            outbox.put(db, topics.PERSON, b"%d" % number, bytes(1_000_000))

    services.outbox.flush()

    assert sum(sizes) == 70_000_000
    assert max(sizes) <= 17_000_000
