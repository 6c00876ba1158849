"""Each process is handed its own secrets and nobody else's; configuration holds no open door."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overt_ops.devstack import bao, cluster, kafka, prepare, seaweed
from overt_ops.devstack.handouts import Handouts
from overt_ops.devstack.layout import Layout
from overt_ops.devstack.tuning import DEMO
from overt_ops.private import toml
from overt_ops.topology import files
from overt_schemas.errors import Permanent

PORTS = {name: 20_000 + n for n, name in enumerate(prepare.PORTS)}
DECLARED = files.load().with_subscribers(["alice", "mallory"])


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    found = Layout(state=tmp_path / "state")
    kafka.ensure_broker_certs(found, kafka.remember(found, 1))
    prepare.hand_out(Handouts(layout=found, ports=PORTS, tuning=DEMO), DECLARED)
    return found


def settings(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text())


def mentioned(path: Path, layout: Layout) -> set[str]:
    """Names of the principals whose folders a settings file points into."""
    text = path.read_text()
    return {p.name for p in layout.principals.iterdir() if p.is_dir() and f"/{p.name}/" in text}


@pytest.mark.parametrize(
    ("service", "owners"),
    [
        ("authority", {"authority"}),
        ("refine-input", {"refine"}),
        ("refine-frame", {"refine"}),
        ("feed", {"feed"}),
        ("session", {"session"}),
        ("reconcile", {"reconcile"}),
        ("sink", {"sink", "sink-probe"}),
    ],
)
def test_a_service_is_pointed_at_its_own_secrets_only(
    layout: Layout, service: str, owners: set[str]
) -> None:
    folders = mentioned(layout.settings(service), layout) - {service}

    assert folders - owners == set()


def test_only_the_authority_is_pointed_at_keys_that_sign(layout: Layout) -> None:
    pointing = {
        path.parent.name
        for path in layout.state.rglob("*.toml")
        if str(layout.root_key) in path.read_text() or "device.key" in path.read_text()
    }

    assert pointing == {"authority"}


@pytest.mark.parametrize("service", ["feed", "session", "reconcile"])
def test_who_opens_nothing_has_no_door_to_the_keys(layout: Layout, service: str) -> None:
    assert set(settings(layout.settings(service))["authority"]) == {"root_key"}


def test_subscribers_have_no_identity_in_the_store(layout: Layout) -> None:
    assert set(settings(layout.principal("alice") / "settings.toml")) == {
        "state_dir",
        "kafka",
        "authority",
    }


def test_everything_handed_out_is_private(layout: Layout) -> None:
    paths = list(layout.state.rglob("*"))

    assert {p.stat().st_mode & 0o077 for p in paths if p.is_file() and p.parent != layout.ca} == {0}
    assert {p.stat().st_mode & 0o077 for p in layout.principals.iterdir()} == {0}


def test_no_settings_file_holds_a_secret(layout: Layout) -> None:
    secrets = [p.read_text() for p in layout.principals.rglob("*.password")]
    secrets += [p.read_text() for p in layout.principals.rglob("s3.secret")]

    texts = [p.read_text() for p in layout.state.rglob("*.toml")]

    assert len(secrets) > 5
    assert not [s for s in secrets for text in texts if s in text]


def test_the_demos_beacons_are_short(layout: Layout) -> None:
    assert settings(layout.settings("authority"))["beacon"] == {"interval_s": 5, "valid_s": 60}


def broker(number: int, brokers: int) -> dict[str, str]:
    """The settings of one broker, as it reads them."""
    layout, node = Layout(state=Path("/s")), cluster.Node(number=number, brokers=brokers)
    ports = {name: 20_000 + n for n, name in enumerate(cluster.port_names(brokers))}
    text = cluster.properties(cluster.places(layout, node), node, ports)
    return dict(line.split("=", 1) for line in text.splitlines())


@pytest.mark.parametrize("brokers", cluster.SIZES)
def test_every_listener_of_a_broker_is_tls(brokers: int) -> None:
    found = broker(1, brokers)

    protocols = dict(p.split(":") for p in found["listener.security.protocol.map"].split(","))

    assert set(protocols.values()) == {"SSL", "SASL_SSL"}
    assert all("://127.0.0.1:" in door for door in found["listeners"].split(","))
    assert found["allow.everyone.if.no.acl.found"] == "false"
    assert found["auto.create.topics.enable"] == "false"


def test_super_users_are_the_brokers_and_nobody_else() -> None:
    assert broker(1, 1)["super.users"] == "User:broker-1"
    assert broker(2, 3)["super.users"] == "User:broker-1;User:broker-2;User:broker-3"


def test_of_three_brokers_any_one_may_die() -> None:
    found = [broker(number, 3) for number in (1, 2, 3)]

    assert {row["min.insync.replicas"] for row in found} == {"2"}
    assert {row["default.replication.factor"] for row in found} == {"3"}
    assert {row["offsets.topic.replication.factor"] for row in found} == {"3"}
    assert {row["unclean.leader.election.enable"] for row in found} == {"false"}
    assert len({row["controller.quorum.voters"] for row in found}) == 1
    assert len({row["log.dirs"] for row in found}) == len({row["listeners"] for row in found}) == 3


def test_clients_are_told_of_every_broker() -> None:
    ports = {name: 20_000 + n for n, name in enumerate(cluster.port_names(3))}

    doors = cluster.bootstrap(ports, cluster.SCRAM).split(",")

    assert doors == ["127.0.0.1:20002", "127.0.0.1:20006", "127.0.0.1:20010"]
    assert cluster.bootstrap(PORTS, cluster.SCRAM).count(":") == 1


def test_a_stack_keeps_the_number_of_its_brokers(tmp_path: Path) -> None:
    made = kafka.remember(Layout(state=tmp_path), 3)

    assert kafka.remember(Layout(state=tmp_path), None) == made
    with pytest.raises(Permanent, match="--brokers 3"):
        kafka.remember(Layout(state=tmp_path), 1)


def test_a_stack_from_before_there_were_three_has_one(tmp_path: Path) -> None:
    old = Layout(state=tmp_path)
    (tmp_path / "kafka" / "data").mkdir(parents=True)
    (tmp_path / "kafka" / "data" / "meta.properties").touch()

    with pytest.raises(Permanent, match="--brokers 1"):
        kafka.remember(old, 3)


@pytest.mark.parametrize("text", ["", "[]", '{"id": "x", "brokers": 2}', '{"brokers": 3}'])
def test_a_garbled_memory_of_the_brokers_is_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "kafka").mkdir()
    (tmp_path / "kafka" / "cluster.json").write_text(text)

    with pytest.raises(Permanent, match=r"cluster\.json does not describe a cluster"):
        kafka.remember(Layout(state=tmp_path), None)


@pytest.mark.parametrize("brokers", [0, 2, 4])
def test_there_are_one_or_three_brokers(tmp_path: Path, brokers: int) -> None:
    with pytest.raises(Permanent, match="one or three"):
        kafka.remember(Layout(state=tmp_path), brokers)

    assert not (tmp_path / "kafka").exists()


def test_the_store_runs_without_http_telemetry_or_other_gateways() -> None:
    argv = seaweed.service(Layout(state=Path("/s")), PORTS).argv

    for option in ("-disableHttp=true", "-master.telemetry=false", "-webdav=false"):
        assert option in argv
    assert "-ip.bind=127.0.0.1" in argv


def test_only_the_stores_root_has_more_than_its_declared_policy() -> None:
    keys = dict.fromkeys((seaweed.ROOT, *DECLARED.buckets.identities), ("A", "s"))

    document = json.loads(seaweed.identities(DECLARED.buckets, keys, seaweed.ROOT))

    actions = {entry["name"]: entry["actions"] for entry in document["identities"]}
    assert [name for name, listed in actions.items() if listed] == [seaweed.ROOT]


def test_the_key_server_knows_one_public_key_a_login(tmp_path: Path) -> None:
    logins = {"jwt": "PEM-A", "jwt-eraser": "PEM-B", "jwt-reconcile": "PEM-C"}

    text = bao.config(Layout(state=tmp_path), PORTS, logins)

    assert [text.count(pem) for pem in logins.values()] == [1, 1, 1]
    assert "tls_disable" not in text


@given(
    st.dictionaries(
        st.from_regex(r"[a-z_]{1,9}", fullmatch=True),
        st.text(st.characters(exclude_categories=["Cs"])) | st.booleans() | st.integers(-9, 9),
    )
)
def test_what_is_written_as_toml_reads_back(values: dict[str, Any]) -> None:
    assert tomllib.loads(toml({}, {"t": values}))["t"] == values


@pytest.mark.parametrize(
    "name", ["ops", "approver-1", "bao", "store-root", "Not A Name", "broker-1"]
)
def test_a_subscriber_that_cannot_be_is_refused_before_anything_is_remembered(
    layout: Layout, name: str
) -> None:
    # Its folder of secrets would be theirs, and its certificate written over their own.
    with pytest.raises(Permanent, match=name):
        prepare.remember_subscribers(layout, [name], files.load())

    assert prepare.known_subscribers(layout) == ()
