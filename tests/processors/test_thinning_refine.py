"""Refine thins by the policy a batch was captured under, and seals again what stays."""

from dataclasses import replace

import pytest

from overt_processors.core import refine
from overt_processors.core.outcome import Sealed
from overt_processors.core.thinning import moves
from overt_producer.sources.traces import read_ducktrack
from overt_schemas import codec
from overt_schemas.envelope import padding
from overt_schemas.envelope.part import verify_part
from overt_schemas.records import FrameBatch, InputBatch
from overt_schemas.signing import policy_hash
from tests.left_out import RECORDINGS
from tests.processors.test_refine import open_as_person
from tests.processors.test_thinning_frames import Pen, dot
from tests.processors.test_thinning_frames import batch_of as frames_of
from tests.processors.test_thinning_moves import check
from tests.processors.thinned import MOVE, Event, batch_of, events_of, thinned_of
from tests.processors.world import NOW, START_MS, World

HOVER: list[Event] = [(MOVE, at * 8000, 3 * at, at % 7, 0) for at in range(100)]


def thinning_world(**rules: int) -> World:
    """A world whose policy thins by these rules."""
    world = World()
    world.policy_record = replace(world.policy_record, **rules)  # type: ignore[arg-type]
    world.policy = world.authority.sign_record(world.policy_record)
    world.scripted.policy = policy_hash(world.policy)
    world.consent = replace(world.consent, policy=world.scripted.policy)
    world.person = replace(world.person, consents=(world.consent,))
    world.beacons = [world.beacon(1, START_MS)]
    return world


def refined(world: World, batch: InputBatch | FrameBatch) -> Sealed:
    outcome = world.refine_batch(batch)
    assert isinstance(outcome, Sealed), outcome
    return outcome


def test_a_part_holds_what_the_policy_keeps_and_says_what_it_left_out() -> None:
    world = thinning_world(move_tolerance_px=1)

    outcome = refined(world, batch_of(HOVER, first=True, first_seq=50))

    out = codec.unpack(InputBatch, open_as_person(world, outcome))
    assert list(events_of(out)) == [50, 149]
    assert thinned_of(out.gaps) == {"thinned_hover": 98}
    assert outcome.thinned == out.gaps
    _, header = verify_part(outcome.part, world.signer.public_bytes())
    assert (header.first, header.final, header.flags) == (True, False, ())


def test_frames_are_thinned_by_the_same_policy() -> None:
    world, pen = thinning_world(frame_floor_ms=1000, scene_percent=20), Pen()
    sent = [pen.key(), *(pen.delta([dot()]) for _ in range(6))]

    outcome = refined(world, frames_of(*sent))

    out = codec.unpack(FrameBatch, open_as_person(world, outcome))
    assert [frame.number for frame in out.frames] == [1, 7]
    assert [(gap.reason, gap.count) for gap in outcome.thinned] == [("thinned_frame", 5)]


def test_a_policy_of_before_thinning_thins_nothing() -> None:
    batch = batch_of(HOVER)
    world = World()

    outcome = refined(world, batch)

    assert codec.unpack(InputBatch, open_as_person(world, outcome)) == batch
    assert outcome.thinned == ()


def test_a_part_is_never_larger_than_its_record() -> None:
    # Few moves among many keys: the seqs of all of them would take more than the moves did.
    keys: list[Event] = [
        (4, at * 400, at * 7919 % 997, at * 31 % 991, at % 256) for at in range(2000)
    ]
    batch = batch_of([*keys, *((MOVE, 800_000 + at, 0, 0, 0) for at in range(3))])
    world = thinning_world(move_tolerance_px=1)
    size, thinned = (len(padding.pack(codec.pack(b))) for b in (batch, moves.thin(batch, 1)))

    outcome = refined(world, batch)

    assert thinned > size
    assert len(outcome.part.sealed) - size < 64  # a tag and no more
    assert outcome.thinned == ()


def test_a_replay_is_thinned_the_same() -> None:
    world = thinning_world(move_tolerance_px=1)
    raw = world.raw(world.seal(batch_of(HOVER)).record)
    steps = (
        refine.step(refine.Memory(), world.registries(), world.keys(), raw, NOW) for _ in range(2)
    )

    plain = {open_as_person(world, step) for step in steps if isinstance(step, Sealed)}

    assert len(plain) == 1


@pytest.mark.realdata
def test_a_real_recording_keeps_its_actions_and_paths_in_a_fraction_of_its_moves() -> None:
    inputs = read_ducktrack(RECORDINGS / "ducktrack" / "events.jsonl").inputs
    events: list[Event] = [(int(e.kind), e.t_ms * 1000, e.x, e.y, e.state) for e in inputs]
    world = thinning_world(move_tolerance_px=1)
    kept, thinned, before, after = 0, 0, 0, 0
    for second in range(events[-1][1] // 1_000_000 + 1):
        share = [e for e in events if e[1] // 1_000_000 == second]
        batch = batch_of([(kind, t - second * 1_000_000, x, y, s) for kind, t, x, y, s in share])

        outcome = refined(world, batch)

        out = codec.unpack(InputBatch, open_as_person(world, outcome))
        check(batch, out, 1)
        kept, thinned = kept + len(out.kind), thinned + sum(thinned_of(out.gaps).values())
        before, after = before + len(codec.pack(batch)), after + len(codec.pack(out))
    print(f"{kept + thinned} events, {kept} stay, 1 in {len(events) / kept:.1f};"
          f" {before} bytes of columns, {after} stay")  # fmt: skip
    assert kept + thinned == len(events)
    assert kept < len(events) / 4
