"""Ten thousand hostile records through the step: none becomes a part, none costs a processor."""

import resource
import time
from collections import Counter
from dataclasses import dataclass, replace
from random import Random

import pytest

from overt_processors.core import refine
from overt_processors.core.outcome import Marked, Outcome, Raw, Sealed, SetAside, Unsure
from overt_processors.metrics import REASONS
from overt_schemas import codec
from overt_schemas.envelope import padding
from overt_schemas.envelope.part import PartHeader, load
from tests.processors.hostile import bombs, corpus
from tests.processors.hostile.cast import Cast, Fate, Hostile, good, pad, record
from tests.processors.world import NOW, World, spoilt

COUNT = 10_000


@dataclass
class Bench:
    """A processor that has read all registries of the cast."""

    cast: Cast

    def __post_init__(self) -> None:
        world = self.cast.world
        self.registries, self.keys = world.registries(self.cast.news()), world.keys()
        self.memory = refine.Memory()
        self.offset = 0

    def step(self, hostile: Hostile) -> Outcome:
        """What becomes of it, asked as a worker asks: once more where the answer is unsure."""
        self.offset += 1
        raw = Raw(
            topic=hostile.topic, partition=0, offset=self.offset, key=hostile.key,
            value=hostile.value,
        )  # fmt: skip
        outcome = self._step(raw, settled=False)
        return self._step(raw, settled=True) if isinstance(outcome, Unsure) else outcome

    def _step(self, raw: Raw, *, settled: bool) -> Outcome:
        return refine.step(self.memory, self.registries, self.keys, raw, NOW, settled=settled)


@pytest.fixture
def bench() -> Bench:
    return Bench(Cast(World()))


def is_as_it_must_be(hostile: Hostile, outcome: Outcome) -> bool:
    if hostile.fate is not Fate.SET_ASIDE:
        return isinstance(outcome, Sealed | Marked)
    if not isinstance(outcome, SetAside) or outcome.reason not in (hostile.reasons or REASONS):
        return False
    letter = outcome.letter
    return (letter.key, letter.value) == (hostile.key or b"", hostile.value or b"")


@pytest.mark.timeout(240)
def test_ten_thousand_hostile_records_are_set_aside_as_they_came_and_cost_nothing(
    bench: Bench,
) -> None:
    odd: list[tuple[str, object]] = []
    kinds: Counter[str] = Counter()
    worst = ("", 0.0)
    raws: dict[str, set[bytes]] = {"replayed": set(), "cloned": set()}
    rss_kb = 0

    for n, hostile in enumerate(corpus.corpus(bench.cast, COUNT)):
        if n == COUNT // 10:  # by then every kind was made twice
            rss_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        began_s = time.thread_time()
        outcome = bench.step(hostile)
        worst = max(worst, (hostile.kind, time.thread_time() - began_s), key=lambda row: row[1])
        kinds[hostile.kind] += 1
        if not is_as_it_must_be(hostile, outcome):
            odd.append((hostile.kind, getattr(outcome, "reason", outcome)))
        if isinstance(outcome, Sealed):
            raws[hostile.kind].add(load(PartHeader, outcome.part.header).raw)
    grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - rss_kb

    print(f"{len(kinds)} kinds, worst step {worst[0]} {worst[1] * 1000:.1f} ms, +{grown_kb} KB")
    assert Counter(odd) == Counter()
    assert kinds.total() == COUNT
    assert len(raws["replayed"]) == 1
    assert len(raws["cloned"]) == kinds["cloned"]
    assert worst[1] <= 0.25, worst
    assert grown_kb <= 32 * 1024


def test_nothing_that_is_not_authentic_is_inflated(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    inflated: list[bytes] = []
    monkeypatch.setattr(padding, "unpack", inflated.append)
    made = [
        kind(chance, bench.cast)
        for chance in [Random(7)]  # noqa: S311
        for kind in corpus.UNSEALED
        for _ in range(20)
    ]

    outcomes = [bench.step(hostile) for hostile in made]

    assert inflated == []
    assert all(isinstance(outcome, SetAside) for outcome in outcomes)


BOMB = pad(bombs.inflating(16 * bombs.MIB))


def test_of_several_faults_the_first_in_the_order_of_the_checks_is_named(bench: Bench) -> None:
    """Schema before size of what is inside, key, signature, tag, padding, bomb, Avro, registry."""
    sender = bench.cast.paused  # what it seals is forbidden, too: that is the last thing looked at
    bomb = sender.seal_padded(BOMB)
    no_avro = sender.seal_padded(padding.pack(b"no batch"))
    torn = replace(bomb, ciphertext=spoilt(bomb.ciphertext))
    forged = replace(torn, period_signature=bytes(64))
    framed = codec.encode(forged)
    cases = [
        (framed[:4] + b"\x03" + framed[5:], sender, "schema_not_allowed"),
        (framed + bytes(1_000_000), sender, "size"),
        (framed, bench.cast.victim, "key"),
        (framed, sender, "signature"),
        (codec.encode(torn), sender, "tag"),
        (codec.encode(sender.seal_padded(BOMB[:-1] + b"x")), sender, "padding"),
        (codec.encode(bomb), sender, "bomb"),
        (codec.encode(no_avro), sender, "malformed"),
        (codec.encode(sender.seal(good())), sender, "after_pause"),
    ]

    found = [
        bench.step(replace(record("order", who, bomb), value=value)) for value, who, _ in cases
    ]

    assert [getattr(outcome, "reason", outcome) for outcome in found] == [r for _, _, r in cases]
