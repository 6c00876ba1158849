"""Feeds on real brokers: who is covered gets it at once, who is not never, and nobody waits.

The reader at the other end is the real one: its iterator goes from a store that lags into the feed.
"""

import os
import signal
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import ResourceType

from overt_schemas.errors import Refused
from overt_schemas.feed import key_of, topic_of
from overt_schemas.ids import SessionId
from overt_schemas.topics import PART
from overt_subscriber import Event, Live, Session, Subscription
from overt_subscriber.feed import KafkaFeed
from overt_subscriber.sessions import State
from tests.processors.feed_stand import PURPOSE, READ, FeedStand, Store, Typist, delays_s
from tests.processors.stand import Worker, stand, until
from tests.stack.clients import scram

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FeedStand]:
    with stand(tmp_path_factory.mktemp("feed"), count=1) as ready:
        ready.publish_registries()
        made = FeedStand(ready)
        made.permit()
        yield made


@pytest.fixture(autouse=True)
def tidy(site: FeedStand) -> Iterator[None]:
    yield
    for name, grant in site.grants.items():
        if grant.state == "active":
            site.grant(name, "ended")
    site.stand.close()


def ready(worker: Worker) -> Worker:
    until(lambda: worker.is_ready, 60, f"ready ({worker.log})")
    return worker


def size(site: FeedStand, grant: str) -> int:
    return site.count(grant)


def test_a_feed_begins_with_its_grant_and_ends_with_it_or_with_the_person(site: FeedStand) -> None:
    device = site.enrol()
    for name in ("g-begin", "g-other"):
        site.make_topic(name)
    site.grant("g-begin", "requested")
    site.grant("g-other")
    ready(site.start())
    with Typist(site, device):
        until(lambda: size(site, "g-other") > 4, 30, "the other feed flows")
        before = size(site, "g-begin")
        site.grant("g-begin")
        until(lambda: size(site, "g-begin") > 10, 10, "begun")
        ended_ms = time.time() * 1000
        site.grant("g-begin", "ended")
        flowing = size(site, "g-other")
        until(lambda: size(site, "g-other") > flowing + 60, 30, "goes on without it")
        erased_ms = time.time() * 1000
        site.person("erasing")
        until(lambda: time.time() * 1000 > erased_ms + 3000, 10, "three more seconds")
    until(site.is_drained, 30, "drained")

    last_ms = {name: site.feed(name)[-1].timestamp()[1] for name in ("g-begin", "g-other")}

    assert before == 0
    assert last_ms["g-begin"] - ended_ms < 1000
    assert last_ms["g-other"] - erased_ms < 1000


def test_the_record_is_the_part_untouched_under_the_key_of_its_session(site: FeedStand) -> None:
    device = site.enrol()
    site.make_topic("g-same")
    site.grant("g-same")
    ready(site.start())
    with Typist(site, device):
        until(lambda: size(site, "g-same") > 4, 30, "flows")

    parts = {row.value() for row in site.stand.read(PART)}
    rows = site.feed("g-same")

    assert {row.value() for row in rows} <= parts
    session = SessionId(device=device.device, boot=device.boot, activity=0)
    assert {row.key() for row in rows} == {key_of(session)}


def test_a_feed_that_is_missing_or_denied_slows_nobody_and_comes_back(site: FeedStand) -> None:
    device = site.enrol()
    site.make_topic("g-good")
    site.make_topic("g-denied", writable=False)
    for name in ("g-good", "g-denied", "g-missing"):
        site.grant(name)
    worker = ready(site.start())
    with Typist(site, device) as typist:
        until(lambda: typist.count > 100, 60, "typed")
        site.make_topic("g-missing")
        until(lambda: size(site, "g-missing") > 10, 60, "back")
    until(site.is_drained, 10, "drained")

    rows = site.feed("g-good")
    delays = delays_s(rows)
    cut = {line["reason"] for line in worker.lines("feed_cut_off")}

    assert {row.value() for row in rows} >= {
        row.value() for row in site.stand.read(PART) if row.timestamp()[1] / 1000 > _first_s(rows)
    }
    assert site.feed("g-denied") == []
    assert cut <= {"missing", "denied", "late"}
    assert len(cut) >= 1
    assert statistics.median(delays) < 1.0
    assert max(delays) < 5.0
    assert worker.lines("worker_ended") == []


def _first_s(rows: list[Any]) -> float:
    return float(min(row.timestamp()[1] for row in rows)) / 1000


def reader(site: FeedStand, store: Store, grant: str, **how: Any) -> Subscription:
    """Return alice's reading of a grant, live."""
    site.allow((ResourceType.TOPIC, topic_of(grant), READ), who="alice")
    feed = KafkaFeed(scram(site.stand.running, "alice"), grant)
    return Subscription(Live(store, grant, feed), store, grant=grant, purpose=PURPOSE, **how)


def test_a_reader_sees_no_hole_and_no_repeat_when_the_feed_app_is_killed(site: FeedStand) -> None:
    device, store = site.enrol(), Store(site, delay_s=6.0)
    site.make_topic("g-kill")
    site.grant("g-kill")
    worker = ready(site.start())
    deadline = time.monotonic() + 120
    subscription = reader(
        site, store, "g-kill",
        until=lambda report: report.is_settled or time.monotonic() > deadline,
    )  # fmt: skip
    seen: list[int] = []
    late_s: list[float] = []
    states: list[State] = []
    kills = {100, 300}
    with Typist(site, device, store) as typist:
        for item in subscription:
            if isinstance(item, Event):
                seen.append(item.seq)
                late_s.append(time.time() - item.t_us / 1e6)
            elif isinstance(item, Session):
                states.append(item.state)
            if len(seen) in kills:
                kills.discard(len(seen))
                os.kill(worker.child(), signal.SIGKILL)
            if len(seen) > 500:
                typist._stop.set()

    assert seen == list(range(typist.count))
    assert states == [State.COMPLETE]
    assert (subscription.report.lost, subscription.report.is_sound) == (0, True)
    assert statistics.median(late_s) < 5.0  # the store alone would be six behind
    assert len(worker.lines("worker_ended")) == 2


def test_the_end_of_a_grant_ends_its_reader_with_the_authoritys_word(site: FeedStand) -> None:
    device, store = site.enrol(), Store(site, delay_s=60.0)
    site.make_topic("g-end")
    site.grant("g-end")
    ready(site.start())
    items = iter(reader(site, store, "g-end"))
    with Typist(site, device, store):
        for _ in range(20):
            next(items)
        site.grant("g-end", "ended")
        site.drop_topic("g-end")
        store.refusal = Refused("the authority refuses: grant_expired", reason="grant_expired")
        started_s = time.monotonic()
        with pytest.raises(Refused) as refused:
            for _ in items:
                pass
        took_s = time.monotonic() - started_s

    assert refused.value.reason == "grant_expired"
    assert took_s < 5.0


def test_a_topic_that_is_not_there_yet_is_waited_for_by_its_reader(
    site: FeedStand, tmp_path: Path
) -> None:
    device, store = site.enrol(), Store(site, delay_s=2.0)
    site.grant("g-early")
    ready(site.start())
    deadline = time.monotonic() + 60
    subscription = reader(
        site, store, "g-early",
        until=lambda report: report.is_settled or time.monotonic() > deadline,
    )  # fmt: skip
    seen: list[int] = []
    with Typist(site, device, store) as typist:
        for item in subscription:
            seen += [item.seq] if isinstance(item, Event) else []
            if len(seen) == 20:
                site.make_topic("g-early")
            if len(seen) > 100:
                typist._stop.set()

    assert seen == list(range(typist.count))
    assert size(site, "g-early") > 0
