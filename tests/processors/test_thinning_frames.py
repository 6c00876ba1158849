"""Frames are thinned by meaning, and every one that stays is drawn as it was."""

import time
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from overt_processors.core import activity
from overt_processors.core.thinning import frames
from overt_processors.core.thinning.rules import thin
from overt_schemas.columns import frame_hash
from overt_schemas.ids import SessionId
from overt_schemas.records import Frame, FrameBatch, Gap, Monitor, Op
from overt_subscriber.frames import Proof, Screen
from overt_subscriber.tally import Tally
from tests.processors.thinned import POLICY, START_US, thinned_of

WIDTH, HEIGHT = 12, 8
SESSION = SessionId(device=b"d", boot=b"b", activity=0)
MONITOR = Monitor(x=0, y=0, width=WIDTH, height=HEIGHT, scale=100)
Raster = np.ndarray


class Pen:
    """Draws on a raster and says so in frames, as an endpoint would."""

    def __init__(self, seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)
        self.raster = self._noise(WIDTH, HEIGHT)
        self.number, self.t_us, self.actions, self.epoch = 0, START_US, 0, 0

    def _noise(self, width: int, height: int) -> Raster:
        made = self.rng.integers(0, 256, (height, width, 4)).astype(np.uint8)
        made[..., 3] = 0xFF
        return made

    def key(self, step_ms: int = 100, acted: int = 0, *, change: bool = True) -> Frame:
        """The whole picture; changed, or as it is."""
        if change:
            self.raster = self._noise(*self.raster.shape[1::-1])
        height, width = self.raster.shape[:2]
        op = Op(kind=0, x=0, y=0, width=width, height=height, sx=0, sy=0)
        data = zstandard.compress(self.raster.tobytes())
        return self._frame((op,), data, step_ms, acted, is_key=True)

    def delta(self, ops: list[Op], step_ms: int = 100, acted: int = 0) -> Frame:
        """Operations on the picture before; those with pixels draw noise."""
        after, pixels = self.raster.copy(), b""
        for op in ops:
            target = after[op.y : op.y + op.height, op.x : op.x + op.width]
            if op.kind == 1:
                target[...] = after[op.sy : op.sy + op.height, op.sx : op.sx + op.width].copy()
            else:
                target[...] = self._noise(op.width, op.height)
                pixels += target.tobytes()
        self.raster = after
        # What stands beside operations that only copy is not looked at, whatever it is.
        data = zstandard.compress(pixels) if pixels else b"not pixels"
        return self._frame(tuple(ops), data, step_ms, acted, is_key=False)

    def _frame(
        self, ops: tuple[Op, ...], data: bytes, step_ms: int, acted: int, *, is_key: bool
    ) -> Frame:
        self.number, self.t_us, self.actions = (
            self.number + 1, self.t_us + step_ms * 1000, self.actions + acted,
        )  # fmt: skip
        height, width = self.raster.shape[:2]
        base = -1 if is_key else self.number - 1
        return Frame(
            number=self.number, t_us=self.t_us, until_us=self.t_us + 500, last_seq=self.actions,
            actions=self.actions, epoch=self.epoch, width=width, height=height,
            monitors=(MONITOR,) if is_key else (), key=is_key, base=base, chunk=0, chunks=1,
            ops=ops, data=data, hash=frame_hash(self.raster),
        )  # fmt: skip

    def resize(self, width: int, height: int) -> None:
        """Another display epoch."""
        self.raster, self.epoch = self._noise(width, height), self.epoch + 1


def batch_of(*sent: Frame, **changes: object) -> FrameBatch:
    fields: dict[str, object] = {
        "activity": 0, "first": False, "final": False, "ended": "",
        "prev_frame": sent[0].number - 1 if sent else -1, "frames": sent, "gaps": (),
    }  # fmt: skip
    return FrameBatch(**{**fields, **changes})  # type: ignore[arg-type]


def numbers(batch: FrameBatch) -> list[int]:
    return [frame.number for frame in batch.frames]


def dot(x: int = 0, y: int = 0, width: int = 1, height: int = 1) -> Op:
    return Op(kind=0, x=x, y=y, width=width, height=height, sx=0, sy=0)


def copied(x: int, y: int, sx: int, sy: int, width: int, height: int) -> Op:
    return Op(kind=1, x=x, y=y, width=width, height=height, sx=sx, sy=sy)


def proofs(screen: Screen, batch: FrameBatch) -> list[Proof]:
    return [frame.proof for frame in screen.feed(SESSION, batch)]


# --- which stay ----------------------------------------------------------------------------


def test_of_a_second_in_which_nothing_is_done_the_first_and_the_last_frame_stay() -> None:
    pen = Pen()
    batch = batch_of(pen.key(), *(pen.delta([dot()]) for _ in range(8)))

    out = thin(batch, activity.read(batch), POLICY)

    assert isinstance(out, FrameBatch)
    assert numbers(out) == [1, 9]
    gap = Gap(
        reason="thinned_frame", from_us=batch.frames[1].t_us, to_us=batch.frames[7].until_us,
        count=7,
    )  # fmt: skip
    assert out.gaps == (gap,)


def test_the_last_frame_before_an_action_and_the_first_after_it_stay() -> None:
    pen = Pen()
    acted = [0, 0, 0, 1, 0, 0, 0, 2, 0, 0]
    batch = batch_of(pen.key(), *(pen.delta([dot()], acted=count) for count in acted))

    assert numbers(frames.thin(batch, POLICY)) == [1, 4, 5, 8, 9, 11]


def test_a_frame_that_changes_a_share_of_the_picture_stays() -> None:
    pen = Pen()
    fifth = -(-WIDTH * HEIGHT * POLICY.scene_percent // 100)
    less, enough = dot(width=9, height=2), dot(width=10, height=2)
    assert less.width * less.height < fifth <= enough.width * enough.height
    batch = batch_of(
        pen.key(), pen.delta([less]), pen.delta([dot()] * 2), pen.delta([dot()]), pen.delta([dot()])
    )

    # What changes little by little counts as well: 18 and 2 of 96 are a fifth.
    assert numbers(frames.thin(batch, POLICY)) == [1, 3, 5]


def test_another_epoch_stays() -> None:
    pen = Pen()
    sent = [pen.key(change=False), pen.key(change=False)]
    pen.resize(8, 12)
    sent += [pen.key(change=False) for _ in range(3)]

    assert numbers(frames.thin(batch_of(*sent), POLICY)) == [1, 3, 5]


def test_of_whole_pictures_those_that_compress_to_another_size_stay() -> None:
    pen = Pen()
    sent = [pen.key(), pen.key(), pen.key()]
    pen.raster[2:] = 0
    sent += [pen.key(change=False), pen.key(change=False), pen.key(change=False)]

    assert numbers(frames.thin(batch_of(*sent), POLICY)) == [1, 4, 6]


def test_a_floor_of_time_is_kept_whatever_happens() -> None:
    pen, often = Pen(), replace(POLICY, frame_floor_ms=300)
    batch = batch_of(pen.key(), *(pen.delta([dot()]) for _ in range(9)))

    assert numbers(frames.thin(batch, often)) == [1, 4, 7, 10]


def test_chunks_and_the_frame_before_them_stay() -> None:
    pen = Pen()
    before = [pen.key(), pen.delta([dot()]), pen.delta([dot()])]
    large = pen.key()
    half = len(large.data) // 2
    chunks = [
        replace(large, chunks=2, data=large.data[:half]),
        replace(large, chunk=1, chunks=2, ops=(), data=large.data[half:]),
    ]
    batch = batch_of(*before, *chunks, pen.delta([dot()]), pen.delta([dot()]))

    out = frames.thin(batch, POLICY)

    assert numbers(out) == [1, 3, 4, 4, 6]
    assert proofs(Screen(), out) == [Proof.VERIFIED] * 4


@pytest.mark.parametrize("floor", [0, -1])
def test_a_policy_without_a_floor_thins_nothing(floor: int) -> None:
    pen = Pen()
    batch = batch_of(pen.key(), *(pen.delta([dot()]) for _ in range(8)))

    assert frames.thin(batch, replace(POLICY, frame_floor_ms=floor)) is batch


def test_a_batch_with_violations_or_of_more_frames_than_a_second_has_stays_whole() -> None:
    pen = Pen()
    batch = batch_of(pen.key(), *(pen.delta([dot()], step_ms=1) for _ in range(300)))

    assert frames.thin(batch, POLICY) is batch
    less = replace(batch, frames=batch.frames[:9])
    odd = replace(activity.read(less), flags=("frame_order",))
    assert thin(less, odd, POLICY) is less


# --- what is carried -----------------------------------------------------------------------


def test_what_is_carried_is_drawn_on_what_the_first_was_drawn_on() -> None:
    pen = Pen()
    batch = batch_of(pen.key(), pen.delta([dot()]), pen.delta([dot(1)]), pen.delta([dot(2)]))

    last = frames.thin(batch, POLICY).frames[-1]

    assert (last.number, last.base, last.key) == (4, 1, False)
    assert last.ops == (dot(), dot(1), dot(2))
    assert last.data == b"".join(frame.data for frame in batch.frames[1:])


def test_a_keyframe_replaces_what_came_before_and_carries_its_monitors_on() -> None:
    pen = Pen()
    batch = batch_of(pen.key(), pen.delta([dot()]), pen.key(), pen.delta([dot(2)]))

    out = frames.thin(batch, POLICY)

    key, last = batch.frames[2], out.frames[-1]
    assert (last.number, last.base, last.key, last.monitors) == (4, -1, True, (MONITOR,))
    assert last.data == key.data + batch.frames[3].data
    assert proofs(Screen(), out) == [Proof.VERIFIED] * 2


def test_where_carrying_would_be_too_much_the_frame_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    pen = Pen()
    batch = batch_of(pen.key(), *(pen.delta([dot()]) for _ in range(6)))
    monkeypatch.setattr(frames, "PIXELS_LIMIT", 3)

    out = frames.thin(batch, POLICY)

    assert numbers(out) == [1, 4, 7]
    assert frames.thin(out, POLICY) is out
    assert proofs(Screen(), out) == [Proof.VERIFIED] * 3


def test_what_cannot_be_drawn_on_the_one_before_it_carries_nothing() -> None:
    pen = Pen()
    sent = [pen.key(), *(pen.delta([dot()]) for _ in range(5))]
    sent[3] = replace(sent[3], base=1)
    batch = batch_of(*sent)

    assert numbers(frames.thin(batch, POLICY)) == [1, 3, 6]


# --- every chain ---------------------------------------------------------------------------

SMALL = st.integers(1, 4)
PIXELS = st.builds(dot, st.integers(0, 8), st.integers(0, 4), SMALL, SMALL)
COPIES = st.builds(
    copied, st.integers(0, 8), st.integers(0, 4), st.integers(0, 8), st.integers(0, 4), SMALL, SMALL
)
OPS = st.lists(PIXELS | COPIES, max_size=4)
RULES = st.builds(
    lambda floor, percent: replace(POLICY, frame_floor_ms=floor, scene_percent=percent),
    st.sampled_from([1, 200, 450, 1000]), st.sampled_from([1, 5, 20, 60, 100]),
)  # fmt: skip


@st.composite
def chains(draw: st.DrawFn) -> list[Frame]:
    """Frames of one boot: keyframes, pixels, copies, other sizes, now and then an action."""
    pen = Pen(draw(st.integers(0, 5)))
    sent = [pen.key()]
    for _ in range(draw(st.integers(0, 12))):
        acted = draw(st.sampled_from([0, 0, 0, 1]))
        step_ms = draw(st.sampled_from([100, 100, 250]))
        match draw(st.sampled_from(["delta", "delta", "delta", "key", "same", "size"])):
            case "delta":
                sent.append(pen.delta(draw(OPS), step_ms, acted))
            case "size":
                pen.resize(*draw(st.sampled_from([(12, 8), (13, 9)])))
                sent.append(pen.key(step_ms, acted))
            case how:
                sent.append(pen.key(step_ms, acted, change=how == "key"))
    return sent


def check(before: FrameBatch, after: FrameBatch) -> None:
    """Hold a thinned batch to what is promised of it, but for its pixels."""
    was, now = {f.number: f for f in before.frames}, {f.number: f for f in after.frames}
    shown = ("t_us", "until_us", "last_seq", "actions", "epoch", "width", "height", "hash")
    assert all(getattr(f, n) == getattr(was[at], n) for at, f in now.items() for n in shown)
    assert len(now) + thinned_of(after.gaps).get("thinned_frame", 0) == len(was)
    for one, other in pairwise(before.frames):
        if one.actions != other.actions:
            assert {one.number, other.number} <= set(now)
    assert {*numbers(before)[:1], *numbers(before)[-1:]} <= set(now)


@settings(deadline=None, max_examples=200)
@given(chains(), RULES)
def test_every_frame_that_stays_is_drawn_bit_for_bit(sent: list[Frame], policy: object) -> None:
    batch = batch_of(*sent)

    out = frames.thin(batch, policy)  # type: ignore[arg-type]

    check(batch, out)
    assert proofs(Screen(), batch) == [Proof.VERIFIED] * len(sent)
    assert proofs(Screen(), out) == [Proof.VERIFIED] * len(out.frames)


@settings(deadline=None, max_examples=200)
@given(chains(), RULES)
def test_what_was_thinned_once_is_not_thinned_further(sent: list[Frame], policy: object) -> None:
    once = frames.thin(batch_of(*sent), policy)  # type: ignore[arg-type]

    assert frames.thin(once, policy) is once  # type: ignore[arg-type]


class Cuts(RuleBasedStateMachine):
    """An endpoint draws and cuts batches where it likes; a processor thins; a reader draws."""

    def __init__(self) -> None:
        super().__init__()
        self.pen, self.screen, self.tally = Pen(), Screen(), Tally()
        self.waiting = [self.pen.key()]
        self.last, self.sent, self.read, self.gone = -1, 0, 0, 0

    @rule(ops=OPS, acted=st.sampled_from([0, 0, 1]))
    def draws(self, ops: list[Op], acted: int) -> None:
        self.waiting.append(self.pen.delta(ops, acted=acted))

    @rule(change=st.booleans())
    def draws_whole(self, change: bool) -> None:
        self.waiting.append(self.pen.key(change=change))

    @precondition(lambda self: self.waiting)
    @rule(policy=RULES)
    def seals(self, policy: object) -> None:
        batch = batch_of(*self.waiting, prev_frame=self.last)
        out = frames.thin(batch, policy)  # type: ignore[arg-type]
        check(batch, out)
        thinned = sum(thinned_of(out.gaps).values())
        self.tally.take_frames(out.prev_frame, numbers(out), thinned)
        found = proofs(self.screen, out)
        assert found == [Proof.VERIFIED] * len(out.frames)
        self.sent += len(self.waiting)
        self.read, self.gone = self.read + len(found), self.gone + thinned
        self.last, self.waiting = self.waiting[-1].number, []

    @invariant()
    def counts(self) -> None:
        assert self.read + self.gone == self.sent
        assert self.tally.frames_missing == 0


TestCuts = Cuts.TestCase
TestCuts.settings = settings(deadline=None, max_examples=40, stateful_step_count=25)


def test_a_batch_made_to_be_costly_takes_no_longer_than_its_operations() -> None:
    pen = Pen()
    many = [dot()] * 200
    one = pen.delta(many, step_ms=1)
    sent = [pen.key(step_ms=1)]
    sent += [
        replace(one, number=at, base=at - 1, t_us=START_US + at)
        for at in range(2, frames.FRAMES_LIMIT + 1)
    ]
    began = time.process_time()

    frames.thin(batch_of(*sent), POLICY)

    assert time.process_time() - began < 0.5  # 51,000 operations: as many as a record can hold
