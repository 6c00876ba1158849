"""The way back from the dead letters, on real brokers: byte for byte, once, and nothing else."""

import os
from collections.abc import Iterator
from dataclasses import replace

import pytest
import zstandard
from confluent_kafka import KafkaError, Producer

from overt_ops.dlq.choose import choose
from overt_ops.dlq.letters import REDRIVEN, Entry, Filter
from overt_ops.dlq.topic import SOURCES, Letters, Way
from overt_ops.pipeline.doors import Door
from overt_schemas import client, codec
from overt_schemas.ids import new_id
from overt_schemas.records import DeadLetter, Device, SealSpan, Verdict
from overt_schemas.testing import ScriptedDevice
from overt_schemas.topics import DEADLETTER, DEVICE, INPUT, PERSON
from tests.processors.feed import Account, account
from tests.processors.stand import Stand, stand, until
from tests.processors.world import START_MS, input_batch

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with stand(tmp_path_factory.mktemp("dlq")) as ready:
        ready.publish_registries()
        yield ready


@pytest.fixture(autouse=True)
def tidy(site: Stand) -> Iterator[None]:
    yield
    site.close()


def door(site: Stand) -> Door:
    """Return a door of the super user, for proofs of what is written."""
    return Door(username="redrive", connection=site.running.admin())


def entries(site: Stand) -> list[Entry]:
    with Letters(door(site)) as letters:
        return letters.book().entries()


def ends(site: Stand) -> dict[int, int]:
    return site.ends(INPUT)


def test_any_raw_record_that_the_brokers_take_comes_back_whole(site: Stand) -> None:
    worker = site.start()
    until(lambda: worker.is_ready, 60, "ready")
    before = site.ends(DEADLETTER)
    key, value = os.urandom(30_000), os.urandom(1_018_000)
    producer = Producer({**client.producer(site.running.admin()), "message.max.bytes": 2_000_000})
    producer.produce(INPUT, value, key, partition=2)
    assert producer.flush(20) == 0
    until(site.is_drained, 60, "set aside")
    raw = ends(site)

    with Letters(door(site)) as letters:
        (entry,) = (e for e in letters.book().entries() if e.size == len(key) + len(value))
        way = Way(door=door(site), now_ms=lambda: 7)
        done = list(way.redrive(letters, [entry]))

    (again,) = site.read(INPUT, raw)
    letter, verdict = (
        codec.decode(row.value(), DeadLetter, Verdict) for row in site.read(DEADLETTER, before)[:2]
    )
    assert isinstance(letter, DeadLetter)
    assert (letter.key, letter.value, letter.reason) == (key, value, "size")
    assert (again.partition(), again.key(), again.value()) == (2, key, value)
    assert done[0][1] == f"{INPUT} 2:{raw[2]}"
    assert isinstance(verdict, Verdict)
    assert (verdict.verdict, verdict.actor, verdict.to_offset) == (REDRIVEN, "redrive", raw[2])


def test_what_is_larger_once_unpacked_never_gets_onto_a_raw_topic(site: Stand) -> None:
    told: list[KafkaError | None] = []
    config = {**client.producer(site.running.admin()), "message.max.bytes": 4_000_000}
    producer = Producer({**config, "compression.type": "zstd"})

    producer.produce(INPUT, bytes(2_000_000), bytes(16), partition=0,
                     on_delivery=lambda error, _: told.append(error))  # fmt: skip
    producer.flush(20)

    assert told[0] is not None
    assert told[0].code() == KafkaError.MSG_SIZE_TOO_LARGE
    assert len(zstandard.compress(bytes(2_000_000))) < 1000


def enrol(site: Stand, device: ScriptedDevice) -> None:
    """Let the registries know a device that has spoken already."""
    world, from_ms = site.world, START_MS - 3_600_000
    record = Device(
        device=device.device, group=world.device.group, version=1, state="active",
        signing_key=device.signer.public_bytes(), pauses=(),
        spans=(SealSpan(person=device.person, from_ms=from_ms, to_ms=0),),
    )  # fmt: skip
    consent = replace(
        world.consent, consent=device.consent, device=device.device, policy=device.policy
    )
    world.change_person(consents=(world.consent, consent))
    signed = world.authority.sign_record
    site.send(DEVICE, device.device, codec.encode(signed(record)))
    site.send(PERSON, world.person.person.encode(), codec.encode(signed(world.person)))


def test_who_was_unknown_and_is_enrolled_gets_in_by_a_redrive_and_only_once(site: Stand) -> None:
    worker = site.start()
    until(lambda: worker.is_ready, 60, "ready")
    scripted = site.world.scripted
    late = ScriptedDevice(
        device=new_id(), boot=new_id(), policy=scripted.policy, consent="c-late",
        processor=scripted.processor, processor_key=scripted.processor_key,
    )  # fmt: skip
    sealed = late.seal(late.period(0, START_MS * 1000), input_batch(START_MS))
    site.send(INPUT, late.device, codec.encode(sealed.record))
    until(site.is_drained, 60, "set aside")
    (entry,) = (e for e in entries(site) if e.reason == "unknown_device")
    meant = Filter(places=frozenset({entry.place}))

    enrol(site, late)
    with Letters(door(site)) as letters:
        way = Way(door=door(site), now_ms=lambda: 7)
        for _ in range(2):
            found = letters.book().entries()
            list(way.redrive(letters, choose(found, meant, sources=SOURCES, force=False).act))
    until(site.is_drained, 60, "judged again")

    assert account(site.read(), [late]) == Account(lost=0, repeats=0, out_of_order=0)
    assert [e.state for e in entries(site) if e.reason == "unknown_device"] == [REDRIVEN]


def test_a_redrive_that_was_cut_off_before_its_verdict_is_made_good_by_the_next(
    site: Stand,
) -> None:
    worker = site.start()
    until(lambda: worker.is_ready, 60, "ready")
    device = site.enrol()
    sealed = device.seal(device.period(0, START_MS * 1000), input_batch(START_MS))
    value = codec.encode(sealed.record)
    letter = DeadLetter(
        topic=INPUT, partition=1, offset=10**9, key=device.device, value=value, at_ms=1,
        reason="unknown_beacon", processor="sign-1",
    )  # fmt: skip
    site.send(DEADLETTER, INPUT.encode(), codec.encode(letter))
    site.send(INPUT, device.device, value)  # the first write of a redrive whose second never came

    with Letters(door(site)) as letters:
        (entry,) = (e for e in letters.book().entries() if e.reason == "unknown_beacon")
        list(Way(door=door(site), now_ms=lambda: 7).redrive(letters, [entry]))
    until(site.is_drained, 60, "judged")

    assert account(site.read(), [device]) == Account(lost=0, repeats=1, out_of_order=0)
    assert [e.state for e in entries(site) if e.reason == "unknown_beacon"] == [REDRIVEN]


def test_a_bulk_goes_back_whole_in_windows_each_record_once(site: Stand) -> None:
    before, raw = site.ends(DEADLETTER), ends(site)
    values = [b"%d" % number + bytes(60_000 if number % 7 == 0 else 10) for number in range(450)]
    producer = site.producer()
    for number, value in enumerate(values):
        letter = DeadLetter(
            topic=INPUT, partition=number % 4, offset=10**10 + number, key=bytes(16), value=value,
            at_ms=1, reason="unknown_policy", processor="sign-1",
        )  # fmt: skip
        producer.produce(DEADLETTER, codec.encode(letter), partition=number % 4)
    assert producer.flush(20) == 0

    with Letters(door(site)) as letters:
        meant = Filter(reasons=frozenset({"unknown_policy"}))
        found = choose(letters.book().entries(), meant, sources=SOURCES, force=False).act
        done = list(Way(door=door(site), now_ms=lambda: 7).redrive(letters, found))
        rest = choose(letters.book().entries(), meant, sources=SOURCES, force=False)

    written = [(row.partition(), row.value()) for row in site.read(INPUT, raw)]
    assert len(done) == 450
    assert sorted(written) == sorted((n % 4, value) for n, value in enumerate(values))
    assert rest.act == ()
    assert len(rest.decided) == 450
    verdicts = [row for row in site.read(DEADLETTER, before) if row.offset() >= 0]
    assert len(verdicts) == 900
