"""What is declared is parsed strictly, agrees with the contract, and is reached by its own plan."""

import copy
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from overt_ops.topology import Live, Topology, changes, files, parse, plan
from overt_ops.topology.model import FILES, Binding
from overt_ops.topology.plan import LiveTopic
from overt_schemas import topics
from overt_schemas.errors import Permanent


def documents() -> dict[str, Any]:
    folder = files.default_folder()
    return {name: yaml.safe_load((folder / f"{name}.yaml").read_text()) for name in FILES}


DECLARED = parse(documents()).with_subscribers(["alice"])


def reached(declared: Topology) -> Live:
    """The world in which everything is as declared."""
    offsets = {
        (group, topic, partition): 0
        for group, names in declared.groups.items()
        for topic in names
        for partition in range(declared.topics[topic].partitions)
    }
    return Live(
        topics={
            t.name: LiveTopic(config=t.config, ends=(0,) * t.partitions)
            for t in declared.topics.values()
        },
        users=frozenset(declared.users),
        access=declared.access,
        offsets=offsets,
        buckets=frozenset(declared.buckets.buckets),
        store_rights={i: declared.buckets.statements(i) for i in declared.buckets.identities},
        key_policies={role: declared.keys.policy(role) for role in declared.keys.roles},
        key_roles=frozenset(declared.keys.roles),
    )


def test_the_declared_topics_are_those_of_the_contract() -> None:
    declared = {
        t.name: (t.partitions, t.config.get("retention.ms")) for t in DECLARED.topics.values()
    }

    contract = {
        t.name: (t.partitions, None if t.retention_ms is None else str(t.retention_ms))
        for t in topics.CATALOGUE.values()
    }

    assert declared == contract


def test_an_endpoint_may_write_what_it_captures_and_read_only_instructions() -> None:
    rights = {
        (b.operation, b.resource, b.name) for b in DECLARED.access if b.principal == "endpoint.demo"
    }

    assert rights == {
        *(("write", "topic", t) for t in (topics.INPUT, topics.FRAME)),
        *(("write", "topic", t) for t in (topics.PRESENCE, topics.CONSENT)),
        *(("read", "topic", t) for t in (topics.BEACON, topics.CONTROL)),
    }


def test_nobody_reads_sealed_content_but_who_refines_routes_and_keeps_it() -> None:
    sealed = {topics.INPUT, topics.FRAME, topics.PART}

    readers = {
        (b.principal, b.name) for b in DECLARED.access if b.operation == "read" and b.name in sealed
    }

    assert readers == {
        ("refine", topics.INPUT),
        ("refine", topics.FRAME),
        ("feed", topics.PART),
        ("session", topics.PART),
        ("sink", topics.PART),
    }


def test_one_service_alone_has_a_right_on_the_cluster_and_it_reads_no_content() -> None:
    on_cluster = {(b.principal, b.operation) for b in DECLARED.access if b.resource == "cluster"}
    others = {
        (b.operation, b.name)
        for b in DECLARED.access
        if b.principal == "reconcile" and b.resource != "cluster"
    }

    assert on_cluster == {("reconcile", word) for word in ("create", "alter", "describe")}
    assert others == {("read", topics.CONTROL), ("read", topics.GRANT)}


def test_the_feed_app_writes_nowhere_until_a_grant_lets_it() -> None:
    assert not [b for b in DECLARED.access if b.principal == "feed" and b.operation == "write"]


def test_no_identity_of_the_store_that_writes_content_can_delete_it() -> None:
    actions = {
        action
        for statement in DECLARED.buckets.statements("sink")
        for action in statement["Action"]  # type: ignore[attr-defined]
    }

    assert actions == {"s3:GetObject", "s3:PutObject", "s3:ListBucket"}


@pytest.mark.parametrize(
    ("file", "mistake"),
    [
        pytest.param("access", [{"principals": ["refine"], "read": ["*"]}], id="wildcard"),
        pytest.param("access", [{"principals": ["refine"], "read": ["overt."]}], id="prefix"),
        pytest.param("access", [{"principals": ["nobody-knows"], "read": []}], id="principal"),
        pytest.param("access", [{"principals": ["sink"], "groups": ["refine"]}], id="group"),
        pytest.param("access", [{"principals": ["sink"], "reed": []}], id="typing slip"),
        pytest.param("access", [{"principals": ["sink"], "cluster": ["*"]}], id="cluster all"),
        pytest.param(
            "access", [{"principals": ["sink"], "cluster": ["alter_configs"]}], id="cluster config"
        ),
        pytest.param("principals", {"services": ["*"], "classes": []}, id="everybody"),
        pytest.param("principals", {"services": ["broker-1"], "classes": []}, id="super user"),
        pytest.param("principals", {"services": ["nobody"], "classes": []}, id="any certificate"),
        pytest.param("principals", {"services": ["endpoint.x"], "classes": []}, id="device"),
        pytest.param("principals", {"services": [], "classes": ["broker-1"]}, id="class broker"),
        pytest.param("principals", None, id="empty file"),
        pytest.param("topics", ["overt.part.v1"], id="list for a table"),
        pytest.param("topics", {"topics": {}}, id="no defaults"),
        pytest.param("access", [{"read": []}], id="no principals"),
        pytest.param("groups", {"sink": 5}, id="number for a list"),
        pytest.param("keys", {"sink": ["transit/x"]}, id="list of paths"),
        pytest.param("groups", {"sink": ["overt.nothing.v1"]}, id="unknown topic"),
        pytest.param("keys", {"sink": {"sys/raw": ["read"]}}, id="outside transit"),
        pytest.param("keys", {"sink": {"transit/x": ["sudo"]}}, id="sudo"),
        pytest.param("buckets", {"buckets": ["hot"], "rights": {"x": {"hot": ["*"]}}}, id="any"),
        pytest.param(
            "buckets", {"buckets": ["hot"], "rights": {"x": {"hot/*": ["put"]}}}, id="glob"
        ),
        pytest.param(
            "buckets", {"buckets": ["hot"], "rights": {"x": {"hot/../b": ["put"]}}}, id="up"
        ),
        pytest.param(
            "buckets", {"buckets": ["hot"], "rights": {"x": {"hot/a": ["list"]}}}, id="ls"
        ),
    ],
)
def test_what_is_unknown_or_too_wide_is_refused_with_one_line(file: str, mistake: Any) -> None:
    broken = documents() | {file: mistake}

    with pytest.raises(Permanent) as refusal:
        parse(broken)

    assert "\n" not in str(refusal.value)


def test_a_retention_must_be_hours_days_or_compact() -> None:
    broken = documents()
    broken["topics"]["topics"][topics.PART]["keep"] = "for ever"

    with pytest.raises(Permanent, match="for ever"):
        parse(broken)


@pytest.mark.parametrize(
    "name",
    [
        "refine",
        "broker-1",
        "broker-22",
        "nobody",
        "endpoint.demo",
        "endpoint.new",
        "mover",
        "eraser",
    ],
)
def test_a_subscriber_cannot_take_the_name_of_anybody_with_rights(name: str) -> None:
    # A SCRAM user called broker-1 would be the brokers' super user.
    with pytest.raises(Permanent, match=name):
        DECLARED.with_subscribers([name])


def test_the_second_identity_of_the_probe_reaches_no_content() -> None:
    (statement,) = DECLARED.buckets.statements("sink-probe")

    assert statement["Action"] == ["s3:PutObject"]
    assert statement["Resource"] == ["arn:aws:s3:::hot/probe/*"]


def test_the_authority_reads_what_endpoints_and_sessions_say_and_nothing_it_writes() -> None:
    rights = {(b.operation, b.name) for b in DECLARED.access if b.principal == "authority"}

    read = {name for operation, name in rights if operation == "read"} - {"authority"}
    assert read == {topics.PRESENCE, topics.CONSENT, topics.SESSION}
    assert not read & {name for operation, name in rights if operation == "write"}


def test_a_world_as_declared_needs_no_change() -> None:
    found = plan(DECLARED, reached(DECLARED))

    assert (found.changes, found.notes) == ((), ())


def test_an_empty_world_gets_topics_then_offsets_then_rights() -> None:
    found = plan(DECLARED, Live())

    kinds = [type(change) for change in found.changes]
    order = [
        changes.CreateTopic,
        changes.CommitFirst,
        changes.CreateUser,
        changes.Allow,
        changes.CreateBucket,
        changes.SetStoreRights,
        changes.SetKeyRole,
    ]
    assert sorted(kinds, key=order.index) == kinds
    assert kinds.count(changes.CreateTopic) == len(topics.CATALOGUE)


@given(data=st.data())
def test_any_missing_right_is_given_and_any_undeclared_one_withdrawn(data: st.DataObject) -> None:
    declared = sorted(DECLARED.access)
    kept = frozenset(data.draw(st.sets(st.sampled_from(declared))))
    extra = frozenset(
        data.draw(
            st.sets(
                st.builds(
                    lambda who, what: Binding(
                        principal=who, resource="topic", name=what, operation="read"
                    ),
                    st.sampled_from(["alice", "mallory", "auditor"]),
                    st.sampled_from([topics.PART, topics.INPUT, "overt.secret.v1"]),
                )
            )
        )
    )
    world = reached(DECLARED)
    live = Live(
        **{name: getattr(world, name) for name in Live.__dataclass_fields__ if name != "access"},
        access=kept | extra,
    )

    found = plan(DECLARED, live)

    after = set(live.access)
    for change in found.changes:
        if isinstance(change, changes.Withdraw):
            after.remove(change.binding)
        elif isinstance(change, changes.Allow):
            after.add(change.binding)
    assert after == DECLARED.access


def changed(**parts: Any) -> Live:
    world = reached(DECLARED)
    kept = {name: getattr(world, name) for name in Live.__dataclass_fields__}
    return Live(**(kept | parts))


def test_a_pause_and_the_rights_of_a_grant_are_left_alone() -> None:
    feed = Binding(principal="alice", resource="topic", name="overt.feed.g1.v1", operation="read")

    found = plan(DECLARED, changed(access=DECLARED.access | {feed}, denied=2))

    assert found.changes == ()
    assert "2 DENY" in found.notes[0]


def test_a_topic_nobody_declared_is_reported_and_never_deleted() -> None:
    known = dict(reached(DECLARED).topics)
    stray = known | {"their.notes": LiveTopic(config={}, ends=(7,))}

    found = plan(DECLARED, changed(topics=stray))

    assert found.changes == ()
    assert "their.notes" in found.notes[0]


def test_a_setting_changed_by_hand_is_put_back() -> None:
    known = dict(reached(DECLARED).topics)
    config = dict(known[topics.PART].config) | {"retention.ms": "1", "compression.type": "gzip"}
    known[topics.PART] = LiveTopic(config=config, ends=known[topics.PART].ends)

    found = plan(DECLARED, changed(topics=known))

    assert [str(change) for change in found.changes] == [
        f"set retention.ms=604800000 on topic {topics.PART}",
        f"set compression.type=default on topic {topics.PART}",
    ]


def test_a_group_that_lost_its_offsets_is_a_persons_decision() -> None:
    world = reached(DECLARED)
    lost = {k: v for k, v in world.offsets.items() if k != ("sink", topics.PART, 2)}
    known = dict(world.topics) | {
        topics.PART: LiveTopic(config=world.topics[topics.PART].config, ends=(5, 5, 5, 5))
    }
    live = changed(offsets=lost, topics=known)

    unasked = plan(DECLARED, live)
    decided = plan(DECLARED, live, frozenset({"sink"}))

    assert unasked.changes == ()
    assert "--init-group sink" in unasked.notes[0]
    assert decided.changes == (changes.CommitFirst(group="sink", topic=topics.PART, partition=2),)


def test_an_apply_that_died_after_making_topics_is_finished_by_the_next() -> None:
    found = plan(DECLARED, changed(offsets={}))

    firsts = {c.topic for c in found.changes if isinstance(c, changes.CommitFirst)}
    assert firsts == {t for names in DECLARED.groups.values() for t in names}
    assert len(found.changes) == len(reached(DECLARED).offsets)


def test_undeclared_users_lose_their_password() -> None:
    found = plan(DECLARED, changed(users=frozenset(DECLARED.users) | {"ghost"}))

    assert found.changes == (changes.DeleteUser(user="ghost"),)


def test_a_missing_file_names_itself(tmp_path: Any) -> None:
    with pytest.raises(Permanent, match=r"topics\.yaml"):
        files.load(tmp_path)


def test_parsing_changes_nothing_it_was_given() -> None:
    given_documents = documents()
    before = copy.deepcopy(given_documents)

    parse(given_documents)

    assert given_documents == before
