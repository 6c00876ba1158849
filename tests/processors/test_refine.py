"""The whole step on batches that are as they should be."""

from overt_processors.core import refine
from overt_processors.core.outcome import Marked, Sealed
from overt_schemas import codec, hpke
from overt_schemas.envelope import batch as envelope
from overt_schemas.envelope import header as clear
from overt_schemas.envelope import padding
from overt_schemas.envelope.marks import BootEndMark, TombstoneMark, verify_mark
from overt_schemas.envelope.part import data_key, open_part, segment_info, verify_part
from overt_schemas.ids import day_of
from overt_schemas.records import BootEnd, FrameBatch, InputBatch, Signed, Tombstone
from overt_schemas.signing import open_record
from overt_schemas.topics import FRAME
from tests.processors.world import NOW, PURPOSES, START_MS, World, frame_batch, input_batch


def open_as_person(world: World, sealed: Sealed) -> bytes:
    part = sealed.part
    segment, _ = verify_part(part, world.signer.public_bytes())
    key = world.person_key.unwrap(part.wrap, segment_info(part.segment))
    assert len(key) == hpke.KEY_BYTES
    return padding.unpack(open_part(part, data_key(segment, key)))


def test_a_batch_comes_out_as_it_went_in_readable_by_the_person_alone() -> None:
    world = World()
    batch = input_batch(START_MS + 100, first=True)

    outcome = world.refine_batch(batch)

    assert isinstance(outcome, Sealed)
    assert codec.unpack(InputBatch, open_as_person(world, outcome)) == batch
    assert outcome.flags == ()


def test_frames_come_out_as_they_went_in() -> None:
    world = World()
    batch = frame_batch(START_MS + 100, 0, 1, 2)

    outcome = world.refine_batch(batch)

    assert isinstance(outcome, Sealed)
    assert codec.unpack(FrameBatch, open_as_person(world, outcome)) == batch
    assert outcome.flags == ()


def test_a_frame_batch_in_which_nothing_happened_goes_through() -> None:
    world = World()

    outcome = world.refine_batch(frame_batch(START_MS, final=True, ended="stop"))

    assert isinstance(outcome, Sealed)


def test_headers_say_whose_it_is_and_carry_the_chain() -> None:
    world = World()
    world.seal(input_batch(START_MS))
    sealed = world.seal(
        input_batch(START_MS + 1000, final=True, ended="idle", activity=4), segment=7
    )
    raw = world.raw(sealed.record)

    outcome = refine.step(refine.Memory(), world.registries(), world.keys(), raw, NOW)

    assert isinstance(outcome, Sealed)
    segment, header = verify_part(outcome.part, world.signer.public_bytes())
    assert (segment.person, segment.device) == (world.scripted.person, world.scripted.device)
    assert (segment.activity, segment.segment, segment.stream) == (4, 7, 0)
    assert (segment.consent, segment.purposes) == (world.scripted.consent, PURPOSES)
    assert (segment.policy, segment.day) == (world.scripted.policy, day_of(START_MS))
    assert segment.processor == "sign-1"
    assert outcome.part.person_key == "k-1"
    assert (header.batch, header.first, header.final) == (1, False, True)
    assert header.raw == sealed.hash
    assert header.previous == clear.unpack(sealed.record.header).previous != bytes(32)
    assert (header.partition, header.offset) == (raw.partition, raw.offset)


def test_a_replay_gives_the_same_batch_whatever_was_remembered() -> None:
    world = World()
    raw = world.raw(world.seal(input_batch(START_MS)).record)
    memory, registries, keys = refine.Memory(), world.registries(), world.keys()

    first = refine.step(memory, registries, keys, raw, NOW)
    again = refine.step(memory, registries, keys, raw, NOW)
    fresh = refine.step(refine.Memory(), registries, keys, raw, NOW)

    ids = set()
    for outcome in (first, again, fresh):
        assert isinstance(outcome, Sealed)
        segment, header = verify_part(outcome.part, world.signer.public_bytes())
        ids.add((segment.device, segment.boot, segment.stream, header.batch, header.raw))
        assert open_as_person(world, outcome) == open_as_person(world, first)  # type: ignore[arg-type]
    assert len(ids) == 1


def test_batches_of_a_segment_share_one_data_key_and_the_next_segment_has_another() -> None:
    world, memory = World(), refine.Memory()
    registries, keys, period = world.registries(), world.keys(), world.period()
    wraps = []

    for segment in (0, 0, 1):
        raw = world.raw(world.seal(input_batch(START_MS), period, segment=segment).record)
        outcome = refine.step(memory, registries, keys, raw, NOW)
        assert isinstance(outcome, Sealed)
        wraps.append(outcome.part.wrap)

    assert wraps[0] == wraps[1] != wraps[2]
    assert len(memory.segments) == 1


def test_a_tombstone_becomes_a_mark_whose_evidence_verifies() -> None:
    world = World()
    sealed = world.seal(input_batch(START_MS))
    tombstone = envelope.drop(sealed.tombstone, "forget", world.scripted.signer)

    outcome = world.refine(tombstone)

    assert isinstance(outcome, Marked)
    mark = verify_mark(outcome.marker, world.signer.public_bytes())
    assert isinstance(mark, TombstoneMark)
    assert (mark.batch, mark.reason, mark.raw) == (0, "forget", sealed.hash)
    evidence = codec.decode(outcome.marker.evidence, Tombstone)
    envelope.verify_tombstone(evidence, world.device.signing_key)


def test_a_tombstone_of_frames_becomes_a_mark_too() -> None:
    world = World()
    sealed = world.seal(frame_batch(START_MS, 0))

    outcome = world.refine(envelope.drop(sealed.tombstone, "cap"), FRAME)

    assert isinstance(outcome, Marked)


def test_a_boot_end_becomes_a_mark_whose_evidence_verifies() -> None:
    world = World()
    end = BootEnd(
        device=world.scripted.device, boot=bytes(16), next_boot=world.scripted.boot,
        input_batches=12, frame_batches=11, at_us=START_MS * 1000, clean=False,
        person=world.scripted.person,
    )  # fmt: skip

    outcome = world.refine(world.scripted.signer.sign_record(end))

    assert isinstance(outcome, Marked)
    mark = verify_mark(outcome.marker, world.signer.public_bytes())
    assert isinstance(mark, BootEndMark)
    assert (mark.boot, mark.input_batches, mark.frame_batches, mark.clean) == (
        bytes(16),
        12,
        11,
        False,
    )
    signed = codec.decode(outcome.marker.evidence, Signed)
    assert open_record(signed, world.device.signing_key, BootEnd) == end
