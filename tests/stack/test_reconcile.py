"""Feeds on real brokers: a grant's subscriber gets in, nobody else does, and not a second longer.

Grants are signed here, by a key that the stack's own offline root vouches for: the authority is not
there, so a hundred can be approved at one moment. The way through the authority is proved last.
"""

import dataclasses
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource

from overt_ops.demo import admin
from overt_ops.devstack import Running
from overt_ops.topology.brokers import Brokers
from overt_ops.topology.model import Binding
from overt_schemas import api, client, codec, feed, topics
from overt_schemas.records import Grant, KeyCert, KeySet, Signed
from overt_schemas.signing import AUTHORITY, ROOT, SigningKey
from tests.stack import brokers
from tests.stack.clients import read, scram, write

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]
DENIED = "TOPIC_AUTHORIZATION_FAILED"
HOUR_MS = 3_600_000
CLI = Path(sys.executable).parent / "stream-ops"


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def until(condition: Callable[[], Any], seconds: float, what: str) -> float:
    """Return how long it took, in seconds."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, f"{what}: not within {seconds} s"
        time.sleep(0.01)
    return time.monotonic() - began


@dataclasses.dataclass
class Site:
    """Brokers and the reconciler, and who signs what it believes."""

    running: Running
    key: SigningKey
    published: dict[str, Grant] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        self.admin = AdminClient(self.running.admin())
        self.brokers = Brokers(self.running.admin())
        self.producer = Producer(client.producer(self.running.admin()))
        root = SigningKey(ROOT, bytes.fromhex(self.running.layout.root_key.read_text()))
        cert = KeyCert(
            key_id=self.key.key_id, role=AUTHORITY, public=self.key.public_bytes(),
            not_before_ms=0, not_after_ms=2**60,
        )  # fmt: skip
        self.send(topics.CONTROL, root.sign_record(KeySet(version=1, certs=(cert,))))

    def send(self, topic: str, *signed: Signed) -> None:
        for one in signed:
            self.producer.produce(topic, codec.encode(one), b"k", partition=0)
        assert self.producer.flush(20) == 0

    def grant(self, *names: str, **parts: Any) -> None:
        """Publish grants, or their next versions, all at once."""
        for name in names:
            known = self.published.get(name)
            usual = Grant(
                grant=name, version=known.version + 1 if known else 1, subscriber="alice",
                purpose="research", cohort=("p",), streams=(0, 1), state="active",
                not_before_ms=now_ms() - HOUR_MS, not_after_ms=now_ms() + HOUR_MS,
                approvers=("approver-1", "approver-2"),
            )  # fmt: skip
            self.published[name] = dataclasses.replace(usual, **parts)
        self.send(topics.GRANT, *(self.key.sign_record(self.published[n]) for n in names))

    def feeds(self) -> set[str]:
        listed = self.admin.list_topics(timeout=20).topics
        return {grant for topic in listed if (grant := feed.grant_of(topic)) is not None}

    def rights(self) -> set[Binding]:
        return {b for b in self.brokers.access()[0] if b.name.startswith(feed.PREFIX)}

    def is_made(self, names: Iterable[str]) -> bool:
        """Whether these have feeds with their three rights, and nothing else has anything."""
        wanted = set(names)
        owed = {
            Binding(principal=who, resource="topic", name=feed.topic_of(name), operation=what)
            for name in wanted
            for who, what in (("alice", "read"), ("feed", "write"), ("reconcile", "delete"))
        }
        return self.feeds() == wanted and self.rights() == owed

    def reconcile(self, *words: str) -> "subprocess.CompletedProcess[str]":
        state = str(self.running.layout.state)
        return subprocess.run(
            [str(CLI), "reconcile", "--state", state, *words],
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    state = tmp_path_factory.mktemp("reconcile") / "state"
    with brokers.stack(state, services=("reconcile",)) as running:
        yield Site(running, SigningKey.generate("authority-test"))


@pytest.fixture(autouse=True)
def tidy(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "site" in request.fixturenames:
        site: Site = request.getfixturevalue("site")
        live = [name for name, grant in site.published.items() if grant.state == "active"]
        if live:
            site.grant(*live, state="ended")
            until(lambda: site.is_made([]), 30, "tidied")


def test_a_grant_opens_its_feed_to_its_subscriber_and_to_nobody_else(site: Site) -> None:
    site.grant("g-1", state="requested")
    site.grant("g-other", subscriber="bob")
    until(lambda: site.feeds() == {"g-other"}, 10, "the other's feed")

    site.grant("g-1", state="active")
    took_s = until(lambda: "g-1" in site.feeds(), 10, "made")
    until(lambda: len(site.rights()) == 6, 10, "allowed")

    own, others = feed.topic_of("g-1"), feed.topic_of("g-other")
    assert took_s < 1.0
    assert read(scram(site.running, "alice"), own) == "ok"
    assert read(scram(site.running, "alice"), others) == DENIED
    for user in ("mallory", "reconcile", "session", "sink", "feed"):
        assert read(scram(site.running, user), own) == DENIED
    assert write(scram(site.running, "feed"), own) == "ok"
    for user in ("alice", "mallory", "refine", "reconcile"):
        assert write(scram(site.running, user), own) == DENIED


def test_a_feed_is_kept_for_a_day_under_the_brokers_time(site: Site) -> None:
    site.grant("g-1")
    until(lambda: site.is_made(["g-1"]), 10, "made")

    resource = ConfigResource(ConfigResource.Type.TOPIC, feed.topic_of("g-1"))
    (future,) = site.admin.describe_configs([resource]).values()
    config = {key: str(entry.value) for key, entry in future.result(20).items()}

    assert config["retention.ms"] == str(24 * HOUR_MS)
    assert config["message.timestamp.type"] == "LogAppendTime"
    assert (config["cleanup.policy"], config["max.message.bytes"]) == ("delete", "1048576")
    assert len(site.admin.list_topics(timeout=20).topics[feed.topic_of("g-1")].partitions) == 1


@pytest.mark.parametrize("how", ["ended", "expired"])
def test_a_reader_in_the_middle_is_refused_within_a_second_and_the_feed_is_gone(
    site: Site, how: str
) -> None:
    site.grant("g-1", "g-stays")
    until(lambda: site.is_made(["g-1", "g-stays"]), 10, "made")
    topic = feed.topic_of("g-1")
    reader = Consumer(client.registry_reader(scram(site.running, "alice"), "t"))
    reader.assign([TopicPartition(topic, 0, 0)])
    assert write(site.running.admin(), topic) == "ok"
    until(lambda: (row := reader.poll(0.1)) is not None and row.error() is None, 10, "reads")

    if how == "ended":
        site.grant("g-1", state="ended")
        over_s = time.monotonic()
    else:
        site.grant("g-1", not_after_ms=now_ms() + 1500)
        over_s = time.monotonic() + (site.published["g-1"].not_after_ms - now_ms()) / 1000
    until(lambda: topic not in {b.name for b in site.rights() if b.operation == "read"}, 10, "out")
    refused_s = time.monotonic() - over_s
    until(lambda: site.is_made(["g-stays"]), 10, "gone")
    reader.close()

    brokers.say(f"a feed's reader is out {refused_s:.2f} s after its grant was {how}")
    assert -0.05 < refused_s < 1.0
    assert read(scram(site.running, "alice"), topic) in (DENIED, "UNKNOWN_TOPIC_OR_PART")
    assert read(scram(site.running, "alice"), feed.topic_of("g-stays")) == "ok"


def test_what_nobody_vouches_for_opens_nothing(site: Site) -> None:
    site.grant("g-before")
    until(lambda: site.is_made(["g-before"]), 10, "made")
    forged = dataclasses.replace(site.published["g-before"], grant="g-forged", subscriber="mallory")
    stranger, twin = SigningKey.generate("stranger"), SigningKey.generate(site.key.key_id)

    site.send(topics.GRANT, stranger.sign_record(forged), twin.sign_record(forged))
    site.grant("g-after")
    until(lambda: "g-after" in site.feeds(), 10, "read on")

    assert "g-forged" not in site.feeds()
    shown = json.loads(site.reconcile("--plan", "-o", "json").stdout)
    assert (shown["unverified"]["waiting"], shown["unverified"]["signature"]) == (1, 1)


def test_what_somebody_changed_by_hand_is_put_back_and_the_rest_left_alone(site: Site) -> None:
    site.grant("g-1")
    until(lambda: site.is_made(["g-1"]), 10, "made")
    site.running.kill("reconcile")
    own = feed.topic_of("g-1")
    stray = {
        Binding(principal="mallory", resource="topic", name=own, operation="read"),
        Binding(
            principal="mallory", resource="prefixed:topic", name="overt.feed.", operation="read"
        ),
    }
    elsewhere = Binding(
        principal="mallory", resource="topic", name=topics.PART, operation="describe"
    )
    _allow(site, *stray, elsewhere)
    assert read(scram(site.running, "mallory"), own) == "ok"

    shown = site.reconcile("--plan")
    done = site.reconcile("--once")
    again = site.reconcile("--plan")

    assert (shown.returncode, done.returncode, again.returncode) == (3, 0, 0)
    assert shown.stdout == done.stdout
    assert again.stdout.splitlines()[-1] == "nothing to change"
    assert site.is_made(["g-1"])
    assert read(scram(site.running, "mallory"), own) == DENIED
    assert elsewhere in site.brokers.access()[0]
    site.running.start(["reconcile"])
    site.running.apply()


def _allow(site: Site, *bindings: Binding) -> None:
    from confluent_kafka.admin import (
        AclBinding,
        AclOperation,
        AclPermissionType,
        ResourcePatternType,
        ResourceType,
    )

    patterns = {"": ResourcePatternType.LITERAL, "prefixed": ResourcePatternType.PREFIXED}
    acls = [
        AclBinding(
            ResourceType.TOPIC, b.name, patterns[b.resource.rpartition(":")[0]],
            f"User:{b.principal}", "*", AclOperation[b.operation.upper()], AclPermissionType.ALLOW,
        )
        for b in bindings
    ]  # fmt: skip
    for future in site.admin.create_acls(acls).values():
        future.result(20)


def test_a_hundred_grants_at_once(site: Site) -> None:
    names = [f"g-many-{n}" for n in range(100)]

    site.grant(*names)
    made_s = until(lambda: site.is_made(names), 60, "made")
    site.grant(*names, state="ended")
    out_s = until(lambda: not any(b.operation == "read" for b in site.rights()), 60, "out")
    until(lambda: site.is_made([]), 60, "gone")

    brokers.say(
        f"100 grants at once: feeds after {made_s:.1f} s, their readers out after {out_s:.2f} s"
    )
    assert made_s < 30


def test_a_reconciler_killed_again_and_again_ends_where_it_should(site: Site) -> None:
    names = [f"g-kill-{n}" for n in range(40)]
    for round_ in range(4):
        even, odd = names[round_ % 2 :: 2], names[1 - round_ % 2 :: 2]
        before = len(site.rights())
        site.grant(*even, state="active")
        if round_:
            site.grant(*odd, state="ended")
        until(lambda: len(site.rights()) != before, 20, "at work")  # noqa: B023
        site.running.kill("reconcile")
        site.running.start(["reconcile"])

    until(lambda: site.is_made(even), 30, "as it should be")
    assert site.reconcile("--plan").returncode == 0


def test_the_way_through_the_authority(product: Running) -> None:
    door = admin.Door(
        url=product.authority_url, ca=product.layout.service_ca,
        principal=product.layout.principal("ops"),
    )  # fmt: skip
    life = (now_ms() - HOUR_MS, now_ms() + HOUR_MS)

    grant = admin.grant(door, "alice", "research", ["p-1"], life)
    topic = feed.topic_of(grant)
    alice = AdminClient(scram(product, "alice"))
    made_s = until(lambda: topic in alice.list_topics(timeout=20).topics, 20, "opened")
    own, others = (read(scram(product, who), topic) for who in ("alice", "mallory"))
    admin.call(door, "POST", f"{api.GRANTS}/{grant}/end", {})
    over_s = until(lambda: topic not in alice.list_topics(timeout=20).topics, 20, "closed")
    listed = AdminClient(product.admin())
    until(lambda: topic not in listed.list_topics(timeout=20).topics, 20, "gone")

    brokers.say(
        f"through the authority: a feed opens after {made_s:.1f} s, closes after {over_s:.1f} s"
    )
    assert (own, others) == ("ok", DENIED)
