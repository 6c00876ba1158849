"""Feeds follow from the grants and the clock, whatever may be there before."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overt_ops.reconcile.known import Known, News, learn
from overt_ops.reconcile.plan import (
    Change,
    DeleteTopic,
    Plan,
    Rules,
    feed_of,
    is_in_force,
    next_ms,
    plan,
)
from overt_ops.topology import Binding, changes, files
from overt_schemas import feed
from overt_schemas.records import Grant, KeyCert, KeySet
from overt_schemas.signing import AUTHORITY, PROCESSOR_SIGN, ROOT, Keyring, SigningKey
from overt_schemas.topics import PART

RULES = Rules(declared=files.load())
NOW = 1_000_000
World = tuple[frozenset[str], frozenset[Binding]]
NOTHING: World = (frozenset(), frozenset())


def grant(name: str = "g-1", **parts: Any) -> Grant:
    usual = Grant(
        grant=name, version=1, subscriber="alice", purpose="research", cohort=("p",),
        streams=(0, 1), not_before_ms=NOW - 10, not_after_ms=NOW + 10,
        approvers=("approver-1", "approver-2"), state="active",
    )  # fmt: skip
    return dataclasses.replace(usual, **parts)


def right(who: str, operation: str, topic: str, resource: str = "topic") -> Binding:
    return Binding(principal=who, resource=resource, name=topic, operation=operation)


def planned(grants: Sequence[Grant], world: World, now_ms: int = NOW) -> Plan:
    return plan({g.grant: g for g in grants}, *world, now_ms, RULES)


def after(world: World, done: Sequence[Change]) -> World:
    """The world once the changes were made."""
    topics, access = set(world[0]), set(world[1])
    for change in done:
        match change:
            case changes.Withdraw():
                access.discard(change.binding)
            case changes.Allow():
                access.add(change.binding)
            case DeleteTopic():
                topics.discard(change.topic)
            case changes.CreateTopic():
                topics.add(change.topic.name)
    return frozenset(topics), frozenset(access)


def full(*grants: Grant) -> World:
    """The world as it is when these grants have their feeds."""
    return after(NOTHING, planned(grants, NOTHING).changes)


NAMES = ("g-1", "g-2", "G-3", "4")
TOPICS = (*(feed.topic_of(name) for name in NAMES), PART, "overt.feed.x", "overt.feedback.v1")
PEOPLE = ("alice", "mallory", "feed", "reconcile", "*")
GRANTS = st.lists(
    st.builds(
        grant,
        st.sampled_from(NAMES),
        subscriber=st.sampled_from(["alice", "bob", "*", "sink", "endpoint.demo", "a b", ""]),
        not_before_ms=st.integers(NOW - 3, NOW + 3),
        not_after_ms=st.integers(NOW - 3, NOW + 3),
        approvers=st.lists(st.sampled_from(["alice", "x", "y"]), max_size=3).map(tuple),
        state=st.sampled_from(["requested", "active", "ended", "new"]),
    ),
    max_size=4,
    unique_by=lambda g: g.grant,
)
BINDINGS = st.builds(
    right,
    st.sampled_from(PEOPLE),
    st.sampled_from(["read", "write", "delete", "all"]),
    st.sampled_from((*TOPICS, "overt.feed.")),
    st.sampled_from(["topic", "prefixed:topic", "group"]),
)
WORLDS = st.tuples(st.frozensets(st.sampled_from(TOPICS)), st.frozensets(BINDINGS))


def is_ours(name: str) -> bool:
    return feed.grant_of(name) is not None


@given(grants=GRANTS, world=WORLDS)
def test_every_grant_in_force_has_its_feed_and_three_rights_and_nobody_has_more(
    grants: list[Grant], world: World
) -> None:
    topics, access = after(world, planned(grants, world).changes)

    force = [g for g in grants if is_in_force(g, NOW) and g.subscriber in ("alice", "bob")]
    owed = {
        right(who, what, feed.topic_of(g.grant))
        for g in force
        for who, what in ((g.subscriber, "read"), ("feed", "write"), ("reconcile", "delete"))
    }
    held = {b for b in access if "topic" in b.resource and b.name.startswith(feed.PREFIX)}
    assert topics >= {feed.topic_of(g.grant) for g in force}
    assert held >= owed
    # What nothing explains stays, seen by us alone.
    assert {(b.principal, b.operation) for b in held - owed} <= {("reconcile", "delete")}
    over = {feed.topic_of(g.grant) for g in grants if g not in force}
    assert not over & topics
    assert not over & {b.name for b in held}


@given(grants=GRANTS, world=WORLDS)
def test_a_plan_carried_out_leaves_nothing_to_plan(grants: list[Grant], world: World) -> None:
    assert planned(grants, after(world, planned(grants, world).changes)).changes == ()


@given(grants=GRANTS, world=WORLDS, data=st.data())
def test_a_reconciler_killed_anywhere_ends_where_it_would_have(
    grants: list[Grant], world: World, data: st.DataObject
) -> None:
    whole = planned(grants, world).changes
    done = data.draw(st.integers(0, len(whole)))

    cut = after(world, whole[:done])

    assert after(cut, planned(grants, cut).changes) == after(world, whole)


@given(grants=GRANTS, world=WORLDS)
def test_at_no_moment_does_anybody_hold_a_right_that_they_have_neither_before_nor_after(
    grants: list[Grant], world: World
) -> None:
    whole = planned(grants, world).changes
    allowed = world[1] | after(world, whole)[1]

    for done in range(len(whole) + 1):
        extra = after(world, whole[:done])[1] - allowed
        assert {(b.principal, b.operation) for b in extra} <= {("reconcile", "delete")}


@given(grants=GRANTS, world=WORLDS)
def test_what_is_no_feed_is_left_alone(grants: list[Grant], world: World) -> None:
    whole = planned(grants, world).changes
    topics, access = after(world, whole)

    elsewhere = {b for b in world[1] if "topic" not in b.resource or b.name == PART}
    assert {t for t in world[0] if not is_ours(t)} == {t for t in topics if not is_ours(t)}
    assert elsewhere <= access
    assert all(feed_of(change).startswith(feed.PREFIX) for change in whole)


def test_rights_go_before_the_topic_and_our_own_after_it() -> None:
    world = full(grant())
    topic = feed.topic_of("g-1")

    done = planned([grant(version=2, state="ended")], world).changes

    assert done == (
        changes.Withdraw(binding=right("alice", "read", topic)),
        changes.Withdraw(binding=right("feed", "write", topic)),
        DeleteTopic(topic=topic),
        changes.Withdraw(binding=right("reconcile", "delete", topic)),
    )


def test_the_clock_alone_begins_and_ends_a_feed() -> None:
    one = grant(not_before_ms=NOW, not_after_ms=NOW + 5)

    before, during = planned([one], NOTHING, NOW - 1), planned([one], NOTHING, NOW)
    last, over = (planned([one], full(one), NOW + n) for n in (4, 5))

    assert (before.changes, last.changes) == ((), ())
    assert len(during.changes) == len(over.changes) == 4
    assert [next_ms([one], NOW + n) for n in (-1, 0, 4, 5)] == [NOW, NOW + 5, NOW + 5, None]


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param({"state": "requested"}, id="not active"),
        pytest.param({"approvers": ("one",)}, id="one approver"),
        pytest.param({"approvers": ("one", "one")}, id="the same twice"),
        pytest.param({"approvers": ("one", "alice")}, id="who reads is one of them"),
        pytest.param({"not_after_ms": NOW}, id="over"),
        pytest.param({"not_before_ms": NOW + 1}, id="not yet"),
    ],
)
def test_a_grant_that_is_not_in_force_gives_nothing(parts: dict[str, Any]) -> None:
    assert planned([grant(**parts)], NOTHING).changes == ()
    assert planned([grant(**parts)], full(grant())).changes[-2] == DeleteTopic(
        topic=feed.topic_of("g-1")
    )


@pytest.mark.parametrize("name", ["*", "sink", "endpoint.demo", "broker-1", "nobody", "User:x", ""])
def test_no_grant_gives_a_right_to_everybody_or_to_a_service(name: str) -> None:
    found = planned([grant(subscriber=name)], NOTHING)

    assert found.changes == ()
    assert "a name that no subscriber can have" in found.notes[0]


def test_a_grant_whose_id_is_no_topics_name_costs_nobody_else() -> None:
    found = planned([grant("a.b*"), grant("g-2")], NOTHING)

    assert {feed_of(change) for change in found.changes} == {feed.topic_of("g-2")}
    assert len(found.notes) == 1


def test_a_feed_of_an_unknown_grant_loses_its_rights_and_keeps_its_records() -> None:
    world = full(grant())

    found = planned([], world)

    assert {type(change) for change in found.changes} == {changes.Withdraw}
    assert after(world, found.changes)[0] == world[0]
    assert "belongs to no grant that is known" in found.notes[0]


def test_a_feed_is_made_for_a_day_under_the_limits_of_parts() -> None:
    (made,) = (c for c in planned([grant()], NOTHING).changes if isinstance(c, changes.CreateTopic))
    like = RULES.declared.topics[PART]

    assert (made.topic.partitions, made.topic.replication) == (feed.PARTITIONS, like.replication)
    assert made.topic.config["retention.ms"] == str(24 * 3_600_000)
    same = ("message.timestamp.type", "max.message.bytes", "max.decompressed.message.bytes")
    assert [made.topic.config[key] for key in same] == [like.config[key] for key in same]


# ---- what is believed

ROOT_KEY, KEY, OTHER = (SigningKey.generate(name) for name in (ROOT, "authority-1", "authority-2"))
EMPTY = Known(keyring=Keyring(root=ROOT_KEY.public_bytes()))


def key_set(
    version: int, *keys: SigningKey, role: str = AUTHORITY, by: SigningKey = ROOT_KEY
) -> News:
    certs = tuple(
        KeyCert(key_id=k.key_id, role=role, public=k.public_bytes(), not_before_ms=0,
                not_after_ms=2 * NOW)
        for k in keys
    )  # fmt: skip
    signed = by.sign_record(KeySet(version=version, certs=certs))
    return News(signed=signed, append_ms=NOW)


def news(record: Grant, key: SigningKey = KEY, append_ms: int = NOW) -> News:
    return News(signed=key.sign_record(record), append_ms=append_ms)


def test_a_grant_counts_once_the_key_that_signed_it_is_known() -> None:
    early, _ = learn(EMPTY, [news(grant())])
    later, refused = learn(early, [key_set(1, KEY)])

    assert (dict(early.grants), len(early.waiting)) == ({}, 1)
    assert (later.grants["g-1"].version, later.waiting, refused) == (1, (), ())


@pytest.mark.parametrize(
    "items",
    [
        pytest.param([key_set(1, KEY), news(grant(), OTHER)], id="unknown key"),
        pytest.param([key_set(1, KEY, by=KEY), news(grant())], id="key set not by the root"),
        pytest.param([key_set(1, KEY, role=PROCESSOR_SIGN), news(grant())], id="another role"),
        pytest.param([key_set(1, KEY), news(grant(), append_ms=3 * NOW)], id="after its key"),
        pytest.param(
            [
                key_set(1, KEY),
                News(
                    signed=dataclasses.replace(KEY.sign_record(grant()), signature=bytes(64)),
                    append_ms=NOW,
                ),
            ],
            id="forged",
        ),
    ],
)
def test_what_nobody_vouches_for_gives_nothing_and_is_counted(items: list[News]) -> None:
    known, refused = learn(EMPTY, items)

    assert dict(known.grants) == {}
    assert len(refused) + len(known.waiting) >= 1


def test_an_older_version_does_not_bring_an_ended_grant_back() -> None:
    known, _ = learn(EMPTY, [key_set(1, KEY), news(grant(version=2, state="ended"))])

    again, _ = learn(known, [news(grant(version=1)), news(grant(version=2))])

    assert again.grants is known.grants
    assert again.grants["g-1"].state == "ended"


def test_grants_whose_key_never_comes_fill_no_memory() -> None:
    known, refused = learn(EMPTY, [news(grant(f"g-{n}"), OTHER) for n in range(1030)])

    assert len(known.waiting) == 1024
    assert refused == ("waiting_overflow",) * 6
