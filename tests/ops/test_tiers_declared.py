"""Tiers are declared like everything else: refused if they cannot be meant, handed to who moves."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from overt_ops.devstack import cluster, kafka, prepare
from overt_ops.devstack.handouts import KEEPERS, Handouts
from overt_ops.devstack.layout import Layout
from overt_ops.devstack.tuning import DEMO
from overt_ops.topology import parse
from overt_schemas import topics
from overt_schemas.errors import Permanent
from tests.ops.test_topology import DECLARED, documents

READS = {"s3:GetObject", "s3:ListBucket", "s3:ListBucketVersions", "s3:ListBucketMultipartUploads"}


def actions(identity: str, bucket: str) -> set[str]:
    found: set[str] = set()
    for statement in DECLARED.buckets.statements(identity):
        if statement["Resource"] in ([f"arn:aws:s3:::{bucket}"], [f"arn:aws:s3:::{bucket}/*"]):
            found.update(statement["Action"])  # type: ignore[arg-type]
    return found


@pytest.mark.parametrize("bucket", ["hot", "warm", "cold"])
def test_who_verifies_sees_everything_and_changes_nothing(bucket: str) -> None:
    assert actions("verifier", bucket) == READS


def test_the_mover_puts_nothing_where_sinks_put() -> None:
    assert "s3:PutObject" not in actions("mover", "hot")


@pytest.mark.parametrize("bucket", ["hot", "warm", "cold"])
def test_what_is_erased_is_erased_in_all_versions(bucket: str) -> None:
    assert {"s3:DeleteObject", "s3:DeleteObjectVersion", "s3:PutObject"} <= actions(
        "eraser", bucket
    )


@pytest.mark.parametrize("name", KEEPERS)
def test_who_keeps_the_store_reads_no_topic_and_holds_no_key_of_people(name: str) -> None:
    rights = {(b.operation, b.resource, b.name) for b in DECLARED.access if b.principal == name}
    opening = DECLARED.keys.policies.get(name, {})

    assert rights == {("describe", "topic", topics.PART), ("describe", "group", "sink")}
    assert not [path for path in opening if "decrypt" in path]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    found = Layout(state=tmp_path / "state")
    kafka.ensure_broker_certs(found, kafka.remember(found, 1))
    ports = {name: 20_000 + n for n, name in enumerate(prepare.PORTS)}
    assert set(cluster.port_names(1)) <= set(ports)
    prepare.hand_out(Handouts(layout=found, ports=ports, tuning=DEMO), DECLARED)
    return found


@pytest.mark.parametrize("name", KEEPERS)
def test_a_keeper_is_handed_what_is_declared_and_its_own_secrets_alone(
    layout: Layout, name: str
) -> None:
    path = layout.principal(name) / "settings.toml"

    found = tomllib.loads(path.read_text())

    assert set(found) == {"state_dir", "kafka", "store", "index", "tiers", "retention"}
    assert found["tiers"] == dict(DECLARED.tiers.tiers)
    assert found["retention"] == {"input_days": 365, "frame_days": 180, "mark_days": 365}
    folders = {p.name for p in layout.principals.iterdir() if f"/{p.name}/" in path.read_text()}
    assert folders == {name}


def test_ages_are_handed_out_in_seconds() -> None:
    tiers = DECLARED.tiers.tiers

    assert (tiers["after_s"], tiers["grace_s"], tiers["cold_after_s"]) == (86_400, 3_600, 2_592_000)


def test_what_never_moves_on_is_zero() -> None:
    changed = documents()
    changed["tiers"]["cold"]["after"] = "never"

    assert parse(changed).tiers.tiers["cold_after_s"] == 0


@pytest.mark.parametrize(
    ("path", "value"),
    [
        pytest.param(("hot", "youngest_deleted"), "10m", id="a zombie could come back"),
        pytest.param(("warm", "after"), "tomorrow", id="no age"),
        pytest.param(("warm", "after"), "never", id="warm never"),
        pytest.param(("warm", "largest"), 1 << 40, id="more than one request"),
        pytest.param(("warm", "smallest"), 1, id="typing slip"),
        pytest.param(("retention", "input"), "36h", id="no days"),
        pytest.param(("retention", "input"), "0d", id="gone at once"),
        pytest.param(("retention", "mark"), "30d", id="marks before what they explain"),
        pytest.param(("retention", "input"), "keep", id="marks before what is kept"),
        pytest.param(("retention", "titles"), "1d", id="unknown class"),
        pytest.param(("retention",), None, id="empty"),
    ],
)
def test_what_cannot_be_meant_is_refused(path: tuple[str, ...], value: Any) -> None:
    broken = documents()
    place = broken["tiers"]
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value

    with pytest.raises(Permanent, match="deploy/topology"):
        parse(broken)
