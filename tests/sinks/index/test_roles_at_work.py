"""PostgreSQL: sink, mover, eraser and holder do their real work, each by its own login."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace

import pytest

from overt_schemas.errors import Refused
from overt_sinks.erase.day import Eraser
from overt_sinks.erase.rows import PersonDay
from overt_sinks.index import Index, hold_rows
from overt_sinks.tiers import expiry
from overt_sinks.tiers.retention import Retention
from tests.conformance.postgres import server
from tests.sinks.index.guarded import Guarded
from tests.sinks.made import DAY, notice
from tests.sinks.tiers.world import PEOPLE, World, device, memory

As = Callable[[str], World]


@pytest.fixture
def as_() -> Iterator[As]:
    """Give the same world, with the index as that role sees it."""
    guarded = Guarded(server(), has_rows=False)
    with ExitStack() as open_:

        def login(role: str) -> Index:
            index = Index(guarded.url(role))
            open_.callback(index.close)
            return index

        world = World(index=login("verifier"), buckets=memory())
        yield lambda role: replace(world, index=login(role))
    server().drop(guarded.name)


def _fill(sink: World) -> None:
    sink.index.create()
    one, two = device(1, PEOPLE[0]), device(2, PEOPLE[1])
    for _ in range(3):
        sink.sink([one.part(), two.part(), one.part(), two.part()])
        one.next_segment()
    sink.sink([one.tombstone(), two.boot_end(), notice(), two.part()], number=1)


def test_a_day_goes_its_whole_way_by_logins_that_can_do_no_more(as_: As) -> None:
    sink, mover, eraser, verifier = map(as_, ("sink", "mover", "eraser", "verifier"))
    _fill(sink)
    whose = PersonDay(person=PEOPLE[0], day=DAY)

    sink.next_day()
    assert mover.run().done.findings == {}
    mover.run(later_s=90_000)
    assert set(verifier.tiers().values()) == {"warm"}
    erased = Eraser(eraser.index, eraser.buckets, eraser.clock, whose).run(lambda _d, _t: None)
    verifier.check()
    eraser.clock.advance(10 * 86_400)
    expired = expiry.expire(
        eraser.index, eraser.buckets, Retention(days={"input": 3, "frame": 3, "mark": 3}),
        eraser.clock, lambda _d, _t: None,
    )  # fmt: skip

    assert (erased.records, erased.left) == (7, 0)
    assert expired.records == 9
    assert set(verifier.gone().values()) == {"erased", "expired"}
    verifier.check()


def test_a_day_in_hot_is_erased_by_a_login_that_creates_no_run(as_: As) -> None:
    sink, eraser, verifier = map(as_, ("sink", "eraser", "verifier"))
    _fill(sink)
    whose = PersonDay(person=PEOPLE[0], day=DAY)

    erased = Eraser(eraser.index, eraser.buckets, eraser.clock, whose).run(lambda _d, _t: None)

    assert (erased.records, erased.left) == (7, 0)
    verifier.check()


def test_a_hold_that_another_login_placed_binds_the_eraser(as_: As) -> None:
    sink, holder, eraser, verifier = map(as_, ("sink", "holder", "eraser", "verifier"))
    _fill(sink)
    with holder.index.transaction(writes=True) as db:
        hold_rows.place(db, hold_rows.Hold(person=PEOPLE[0], ticket="T-1", since_ms=0))
    whose = PersonDay(person=PEOPLE[0], day=DAY)

    with pytest.raises(Refused) as refused:
        Eraser(eraser.index, eraser.buckets, eraser.clock, whose).run(lambda _d, _t: None)

    assert refused.value.reason == "held"
    verifier.check()
