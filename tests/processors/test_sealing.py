"""Data keys are held as long as they may be, and no longer."""

from dataclasses import replace

from overt_processors.core import refine
from overt_processors.core.outcome import Now, Sealed
from overt_processors.core.sealing import KEY_LIFE_NS, Segments
from overt_schemas.records import InputBatch, Part
from tests.processors.world import NOW, START_MS, World, input_batch

BATCH = input_batch(START_MS)


class Run:
    """One processor's run over batches of one world."""

    def __init__(self, world: World, limit: int = 1000) -> None:
        self.world, self.memory = world, refine.Memory(segments=Segments(limit))
        self.keys, self.period = world.keys(), world.period()

    def part(self, batch: InputBatch = BATCH, now: Now = NOW, **how: int) -> Part:
        raw = self.world.raw(self.world.seal(batch, self.period, **how).record)
        outcome = refine.step(self.memory, self.world.registries(), self.keys, raw, now)
        assert isinstance(outcome, Sealed), outcome
        return outcome.part


def test_a_data_key_is_dropped_after_its_time() -> None:
    run = Run(World())
    last = replace(NOW, boot_ns=NOW.boot_ns + KEY_LIFE_NS - 1)
    late = replace(NOW, boot_ns=NOW.boot_ns + KEY_LIFE_NS)

    wraps = [run.part(now=now).wrap for now in (NOW, last, late)]

    assert wraps[0] == wraps[1] != wraps[2]


def test_all_data_keys_are_dropped_on_revoke() -> None:
    run = Run(World())
    before = run.part().wrap

    run.memory.clear()

    assert len(run.memory.segments) == 0
    assert run.part().wrap != before


def test_the_number_of_data_keys_is_bounded() -> None:
    world = World()
    run = Run(world, limit=2)
    for boot in range(5):
        world.scripted.boot = bytes([boot]) * 16
        run.period = world.period()
        run.part()

    assert len(run.memory.segments) == 2


def test_another_activity_in_a_segment_gets_another_segment_header_and_key() -> None:
    run = Run(World())

    first, second = run.part(), run.part(replace(BATCH, activity=1))

    assert first.segment != second.segment
    assert first.wrap != second.wrap


def test_a_wider_consent_gets_another_segment_header() -> None:
    world = World()
    run = Run(world)
    first = run.part()
    world.change_person(consents=(replace(world.consent, purposes=("research", "support")),))

    assert run.part().segment != first.segment


def test_what_was_sealed_is_sealed_again_byte_for_byte() -> None:
    world = World()
    run = Run(world)
    record = world.seal(BATCH, run.period).record
    padded = run.period.key.decrypt(record.iv, record.ciphertext, record.header)
    outcome = refine.step(run.memory, world.registries(), run.keys, world.raw(record), NOW)
    assert isinstance(outcome, Sealed)
    held = next(iter(run.memory.segments._held.values())).segment

    from overt_schemas.envelope.part import open_part

    assert open_part(outcome.part, held.key) == padded
