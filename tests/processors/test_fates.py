"""The fates that the README states: what is late, early, future, repeated or reordered."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from overt_processors.core import refine
from overt_processors.core.outcome import Now, Outcome, Sealed, SetAside
from overt_schemas.envelope.marks import WithheldMark, verify_mark
from overt_schemas.envelope.part import PartHeader, SegmentHeader, load
from overt_schemas.ids import day_of
from overt_schemas.records import InputBatch
from tests.processors.world import NOW, START_MS, World, input_batch

HOUR_MS = 3_600_000
README = Path(__file__).parents[2] / "streams" / "processors" / "README.md"


def headers(outcome: Outcome) -> tuple[SegmentHeader, PartHeader]:
    assert isinstance(outcome, Sealed), outcome
    return load(SegmentHeader, outcome.part.segment), load(PartHeader, outcome.part.header)


def withheld(world: World, outcome: Outcome) -> tuple[str, str]:
    """Return the reason in the letter and in the mark beside it."""
    assert isinstance(outcome, SetAside), outcome
    assert outcome.marker is not None
    mark = verify_mark(outcome.marker, world.signer.public_bytes())
    assert isinstance(mark, WithheldMark)
    return outcome.letter.reason, mark.reason


def at(*offsets_us: int, **changes: Any) -> InputBatch:
    """Return a batch of events at these offsets, in this order."""
    dt = np.array(offsets_us, "<i4").tobytes()
    return replace(input_batch(START_MS, len(offsets_us)), dt=dt, **changes)


def test_late_is_judged_by_what_held_when_it_was_captured() -> None:
    """It waited for three days; meanwhile consent, policy and beacon are others."""
    world = World()
    raw = world.raw(world.seal(input_batch(START_MS)).record)
    world.change_person(consents=(replace(world.consent, to_ms=START_MS + HOUR_MS),))
    later_ms = START_MS + 71 * HOUR_MS
    world.beacons += [world.beacon(n, START_MS + n * HOUR_MS, "lab") for n in (2, 3)]
    now = Now(wall_ms=later_ms, boot_ns=NOW.boot_ns)

    outcome = refine.step(refine.Memory(), world.registries(), world.keys(), raw, now)

    segment, _ = headers(outcome)
    assert segment.day == day_of(START_MS)


def test_late_for_the_life_of_its_epochs_key_is_set_aside() -> None:
    world = World()
    keys = world.keys()
    raw = world.raw(world.seal(input_batch(START_MS)).record)

    outcome = refine.step(
        refine.Memory(), world.registries(), replace(keys, epochs={}), raw, NOW, settled=True
    )

    assert isinstance(outcome, SetAside)
    assert outcome.reason == "unknown_epoch"


@pytest.mark.parametrize(("before_ms", "passes"), [(10_000, True), (10_001, False)])
def test_early_is_more_than_ten_seconds_before_its_beacon(before_ms: int, passes: bool) -> None:
    world = World()
    world.change_device(spans=(replace(world.device.spans[0], from_ms=0),))
    world.change_person(consents=(replace(world.consent, from_ms=0),))

    outcome = world.refine_batch(input_batch(START_MS - before_ms))

    if passes:
        headers(outcome)
    else:
        assert withheld(world, outcome) == ("outside_lease", "outside_lease")


@pytest.mark.parametrize(("after_ms", "passes"), [(69_000, True), (70_001, False)])
def test_future_is_more_than_ten_seconds_behind_the_end_of_its_beacon(
    after_ms: int, passes: bool
) -> None:
    world = World()

    outcome = world.refine_batch(input_batch(START_MS + after_ms))

    if passes:
        headers(outcome)
    else:
        assert withheld(world, outcome) == ("outside_lease", "outside_lease")


def test_future_beyond_the_calendar_is_malformed() -> None:
    outcome = World().refine_batch(input_batch(4_102_444_800_001))

    assert isinstance(outcome, SetAside)
    assert (outcome.reason, outcome.marker) == ("time", None)


def test_repeated_gives_another_part_of_the_same_batch_and_hash() -> None:
    world, memory = World(), refine.Memory()
    record = world.seal(input_batch(START_MS)).record
    registries, keys = world.registries(), world.keys()

    found = [
        headers(refine.step(memory, registries, keys, world.raw(record), NOW)) for _ in range(2)
    ]

    (one, first), (two, second) = found
    assert (one.device, one.boot, one.stream) == (two.device, two.boot, two.stream)
    assert (first.batch, first.raw) == (second.batch, second.raw)
    assert first.offset != second.offset


def test_repeated_with_other_content_has_another_hash() -> None:
    world = World()
    first = headers(world.refine_batch(input_batch(START_MS)))[1]
    world.scripted.batches = 0

    second = headers(world.refine_batch(input_batch(START_MS + 1)))[1]

    assert first.batch == second.batch
    assert first.raw != second.raw


def test_reordered_batches_become_parts_as_they_come() -> None:
    world, memory = World(), refine.Memory()
    period = world.period()
    sealed = [world.seal(input_batch(START_MS + n), period).record for n in range(3)]
    registries, keys = world.registries(), world.keys()

    found = [
        headers(refine.step(memory, registries, keys, world.raw(sealed[n]), NOW))[1].batch
        for n in (2, 0, 1)
    ]

    assert found == [2, 0, 1]


REORDERED: dict[str, tuple[InputBatch, str]] = {
    "time within the batch": (at(0, 9000, 5000), "event_order"),
    "time behind the one before": (at(0, prev_event_us=START_MS * 1000 + 1), "event_order"),
    "seq within the batch": (
        at(0, 1, 2, seq=np.array([0, 2, 1], "<u4").tobytes()), "seq_order"
    ),
    "seq behind the one before": (at(0, prev_seq=5, first_seq=3), "seq_order"),
    "an event far from its batch": (at(0, 10_000_001), "bounds"),
}  # fmt: skip


@pytest.mark.parametrize("case", REORDERED)
def test_reordered_events_are_marked_on_the_part_and_nothing_is_renumbered(case: str) -> None:
    batch, flag = REORDERED[case]

    _, header = headers(World().refine_batch(batch))

    assert header.flags == (flag,)


def test_the_readme_states_each_fate() -> None:
    text = README.read_text("utf-8")
    table = text.partition("## Fates")[2].partition("\n## ")[0]

    for word in ("late", "early", "future", "repeated", "reordered", "clone"):
        assert word in table.lower()
