"""The chain: whoever writes, dies, is slow or comes back, each record is in exactly one object."""

import itertools
from dataclasses import dataclass, field

import obstore.store
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from overt_schemas.errors import Malformed
from overt_sinks import chain, container
from overt_sinks.stores.store import AlreadyExists, Store
from overt_sinks.taken import Taken
from overt_sinks.testing import MemoryIndex
from tests.sinks.made import WHERE, Segments, aside, taken

_DEVICE = Segments()
LOG: list[Taken] = [aside(n) if n % 11 == 5 else taken(n, _DEVICE.part(size=10)) for n in range(60)]


def _object(first: int, last: int) -> container.Object:
    return container.build(WHERE, first, last, LOG[first : last + 1])[0]


@pytest.mark.parametrize(
    ("committed", "indexed", "start"),
    [(None, None, None), (0, None, 0), (7, 6, 7), (7, 9, 10), (12, 9, 12), (None, 9, 10)],
)
def test_a_chain_goes_on_where_the_offset_or_the_index_has_seen_further(
    committed: int | None, indexed: int | None, start: int | None
) -> None:
    assert chain.start(committed, indexed) == start


def test_a_new_object_is_created_indexed_and_done() -> None:
    built = _object(0, 9)

    link, first = chain.begin(built)
    link, second = chain.step(link, chain.Created(), 0)
    _, third = chain.step(link, chain.Indexed(), 0)

    assert (first, second) == (chain.Create(built), chain.Insert(built))
    assert third == chain.Done(built, adopted=False)


def test_an_object_that_stands_already_is_adopted_with_its_own_range() -> None:
    ours, theirs = _object(0, 9), _object(0, 4)

    link, _ = chain.begin(ours)
    link, read = chain.step(link, chain.Exists(), 0)
    link, insert = chain.step(link, chain.Found(theirs), 0)
    _, done = chain.step(link, chain.Indexed(), 0)

    assert (read, insert) == (chain.Read(ours), chain.Insert(theirs))
    assert done == chain.Done(theirs, adopted=True)
    assert isinstance(done, chain.Done)
    assert done.next == 5


def test_a_name_that_turns_out_to_be_free_is_created_again() -> None:
    ours = _object(0, 9)

    link, _ = chain.begin(ours)
    link, _ = chain.step(link, chain.Exists(), 0)
    _, again = chain.step(link, chain.Missing(0.0), 0)

    assert again == chain.Create(ours)


def test_a_name_that_is_taken_and_never_there_is_asked_for_later_and_later() -> None:
    link, _ = chain.begin(_object(0, 9))

    waits = []
    for _ in range(10):
        link, _ = chain.step(link, chain.Exists(), 1000)
        link, again = chain.step(link, chain.Missing(0.5), 1000)
        waits.append(link.not_before - 1000)
        assert isinstance(again, chain.Create)

    assert waits == sorted(waits)
    assert waits[0] == 75_000_000
    assert waits[-1] == 3_750_000_000


def test_a_failure_is_tried_again_later_and_later() -> None:
    link, create = chain.begin(_object(0, 9))

    waits = []
    for _ in range(10):
        link, again = chain.step(link, chain.Failed(0.5), 1000)
        waits.append(link.not_before - 1000)
        assert again == create

    assert waits == sorted(waits)
    assert waits[0] == 75_000_000
    assert waits[-1] == 3_750_000_000


def test_an_object_under_the_name_of_another_stops_the_chain() -> None:
    link, _ = chain.begin(_object(0, 9))
    link, _ = chain.step(link, chain.Exists(), 0)

    with pytest.raises(Malformed):
        chain.step(link, chain.Found(_object(3, 9)), 0)


@dataclass(slots=True)
class _Worker:
    """One worker as it believes the world to be; a zombie is one that acts late."""

    next: int
    link: chain.Link | None = None
    effect: chain.Effect | None = None
    data: bytes = b""


@dataclass
class _World:
    bucket: Store = field(default_factory=lambda: Store(obstore.store.MemoryStore()))
    index: MemoryIndex = field(default_factory=MemoryIndex)
    committed: int = 0


class ChainMachine(RuleBasedStateMachine):
    """Three workers on one partition, each advancing by single effects in any order."""

    workers_count = 3

    @initialize()
    def begin(self) -> None:
        self.world = _World()
        self.workers = [self._fresh() for _ in range(self.workers_count)]

    def _fresh(self) -> _Worker:
        start = chain.start(self.world.committed, self.world.index.last_offset(WHERE))
        assert start is not None
        return _Worker(next=start)

    @rule(who=st.integers(0, 2), count=st.integers(1, 9))
    def cut(self, who: int, count: int) -> None:
        worker = self.workers[who]
        if worker.link is None and worker.next < len(LOG):
            last = min(worker.next + count, len(LOG)) - 1
            built, worker.data = container.build(
                WHERE, worker.next, last, LOG[worker.next : last + 1]
            )
            worker.link, worker.effect = chain.begin(built)

    @rule(who=st.integers(0, 2), answer_lost=st.booleans())
    def advance(self, who: int, answer_lost: bool) -> None:
        worker = self.workers[who]
        if worker.link is None or worker.effect is None:
            return
        event = self._perform(worker)
        if event is not None:
            event = chain.Failed(0.0) if answer_lost else event
            worker.link, worker.effect = chain.step(worker.link, event, 0)

    def _perform(self, worker: _Worker) -> chain.Event | None:
        match worker.effect:
            case chain.Create(ours):
                try:
                    self.world.bucket.create(ours.name, worker.data)
                except AlreadyExists:
                    return chain.Exists()
                return chain.Created()
            case chain.Read(ours):
                return chain.Found(container.read(self.world.bucket.read(ours.name))[0])
            case chain.Insert(stored):
                self.world.index.insert(stored, 0)
                return chain.Indexed()
            case chain.Done() as done:
                # A zombie may commit an offset behind what others committed.
                self.world.committed = done.next
                worker.next, worker.link, worker.effect = done.next, None, None
                return None
            case None:
                return None

    @rule(who=st.integers(0, 2))
    def crash(self, who: int) -> None:
        self.workers[who] = self._fresh()

    @rule(who=st.integers(0, 2))
    def done_but_the_commit_is_lost(self, who: int) -> None:
        worker = self.workers[who]
        if isinstance(worker.effect, chain.Done):
            worker.next, worker.link, worker.effect = worker.effect.next, None, None

    @rule()
    def the_groups_offsets_are_lost(self) -> None:
        self.world.committed = 0

    @invariant()
    def no_offset_is_in_two_objects(self) -> None:
        if hasattr(self, "world"):
            covered = [n for o in self._stored() for n in range(o.first, o.last + 1)]
            assert covered == list(range(len(covered)))

    @invariant()
    def what_was_committed_is_indexed_and_what_is_indexed_is_stored(self) -> None:
        if hasattr(self, "world"):
            rows = sorted(self.world.index.rows.values(), key=lambda o: o.first)
            stored = self._stored()
            assert rows == stored[: len(rows)]
            assert self.world.committed <= (rows[-1].last + 1 if rows else 0)

    def _stored(self) -> list[container.Object]:
        names = sorted(item.name for item in self.world.bucket.list(WHERE.prefix))
        return [container.read(self.world.bucket.read(name))[0] for name in names]

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        self.workers[0] = self._fresh()
        for _ in itertools.takewhile(lambda _: self.workers[0].next < len(LOG), range(999)):
            self.cut(0, 9)
            self.advance(0, answer_lost=False)
        parts = [p for o in self._names() for p in container.read(self.world.bucket.read(o))[1]]
        assert [(p.offset, container.frame(p)) for p in parts] == [
            (r.offset, r.value) for r in LOG if r.place is not None
        ]
        assert self._names() == sorted(self.world.index.rows)

    def _names(self) -> list[str]:
        return sorted(item.name for item in self.world.bucket.list(WHERE.prefix))


TestChain = pytest.mark.timeout(120)(ChainMachine.TestCase)
TestChain.settings = settings(
    max_examples=60,
    stateful_step_count=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
