"""Ten thousand hostile records through real workers, good traffic between them."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import pytest

from overt_schemas.catalogue import ID_OF
from overt_schemas.ids import Stream
from overt_schemas.records import StoredPart
from overt_schemas.signing import Keyring
from overt_schemas.topics import PART
from overt_subscriber.batches import Verdict
from overt_subscriber.intake import admit
from overt_subscriber.order import Order
from tests.processors.hostile import onslaught
from tests.processors.hostile.cast import Cast, Fate, Hostile, Sender, good, record
from tests.processors.stand import Stand, Worker, stand, until
from tests.processors.world import START_MS

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]
COUNT, RATE = 10_000, 400.0
STUCK_MS = 5_000
GROWN_KB = 32 * 1024


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with stand(tmp_path_factory.mktemp("hostile")) as ready:
        yield ready


@pytest.fixture(scope="module")
def cast(site: Stand) -> Cast:
    return onslaught.prepare(site)


@pytest.fixture(scope="module")
def workers(site: Stand, cast: Cast) -> list[Worker]:
    started = [site.start(stream) for stream in Stream]
    for worker in started:
        until(partial(getattr, worker, "is_ready"), 60, f"ready ({worker.log})")
    return started


def test_no_hostile_record_becomes_a_part_or_costs_a_worker_and_good_ones_flow(
    site: Stand, cast: Cast, workers: list[Worker]
) -> None:
    outcome = onslaught.attack(site, cast, workers, COUNT, RATE)

    print(json.dumps(outcome.figures()), outcome.grown_kb)
    assert Counter(outcome.wrong) == Counter()
    assert outcome.sent == COUNT
    assert outcome.good_lost == 0
    assert outcome.ended == 0
    assert max(outcome.stuck_ms) <= STUCK_MS
    assert max(outcome.grown_kb) <= GROWN_KB


def on_part(site: Stand, sent: list[Hostile], starts: dict[int, int]) -> list[StoredPart]:
    """Send records and return what stands on overt.part.v1 for them, as a sink would store it."""
    for hostile in sent:
        site.send(hostile.topic, hostile.key, hostile.value)
    until(lambda: site.is_drained(Stream.INPUT), 60, "drained")
    return [
        StoredPart(
            topic_id="t", partition=row.partition(), offset=row.offset(),
            append_ms=row.timestamp()[1], key=row.key(), headers=(), schema_id=ID_OF["Part"],
            value=row.value()[5:],
        )
        for row in site.read(PART, starts)
    ]  # fmt: skip


def test_of_a_cloned_laptop_s_batches_a_reader_takes_neither_and_of_a_replay_one(
    site: Stand, cast: Cast, workers: list[Worker]
) -> None:
    own = cast.honest[0].device
    laptop = Sender.of(replace(own, boot=bytes([0xC7]) * 16, batches=0, previous=bytes(32)))
    seconds = [laptop.seal(good()) for _ in range(3)]
    again = Sender(device=replace(laptop.device, batches=1), period=laptop.period)
    copy = again.seal(good(at_ms=START_MS + 5))
    sent = [record("clone", laptop, one, fate=Fate.CLONE) for one in (*seconds, copy, seconds[2])]
    ring = Keyring(root=site.world.root.public_bytes()).accept(site.world.key_set())
    order = Order()

    stored = on_part(site, sent, site.ends(PART))
    arrivals = [admit(part, ring) for part in stored]
    verdicts = [order.add(arrival) for arrival in arrivals]

    assert len(workers) == 2
    assert verdicts == [
        Verdict.NEW, Verdict.NEW, Verdict.NEW, Verdict.CLONE, Verdict.REPEAT,
    ]  # fmt: skip
    due = order.drain(order.finish()[0])
    assert [getattr(item.step, "reason", "taken") for item in due] == ["taken", "clone", "taken"]
    assert order.clones() == 1
