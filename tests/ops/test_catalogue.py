"""The catalogue in the contract and the declared topology are one."""

import tomllib

import pytest

from overt_ops.topology import files
from overt_schemas import topics
from overt_schemas.records import Policy


def test_topology_declares_every_topic_of_the_catalogue_and_no_other() -> None:
    declared = files.load()

    assert set(declared.topics) == set(topics.CATALOGUE)


@pytest.mark.parametrize("name", sorted(topics.CATALOGUE))
def test_partitions_and_retention_are_those_of_the_catalogue(name: str) -> None:
    wanted = topics.CATALOGUE[name]
    declared = files.load().topics[name]

    assert declared.partitions == wanted.partitions
    if wanted.retention_ms is None:
        assert declared.config["cleanup.policy"] == "compact"
    else:
        assert int(declared.config["retention.ms"]) == wanted.retention_ms


def test_a_dead_letter_has_room_for_any_raw_record_whole() -> None:
    letters = int(files.load().topics[topics.DEADLETTER].config["max.message.bytes"])
    around = 4096  # the letter's other fields, framing, the batch

    for name in (topics.INPUT, topics.FRAME, topics.PART):
        assert int(files.load().topics[name].config["max.message.bytes"]) + around <= letters
    for name in topics.RAW.values():
        # Compressed records are measured before they are unpacked: what is refused cannot be.
        assert files.load().topics[name].config["compression.type"] == "uncompressed"


@pytest.mark.parametrize("group", ["demo", "fleet"])
def test_a_policy_file_says_everything_a_policy_says(group: str) -> None:
    text = (files.default_folder() / "policies" / f"{group}.toml").read_text()
    values = tomllib.loads(text)

    assert set(values) == set(Policy.__dataclass_fields__) - {"version"}
    assert values["group"] == group


def test_only_the_simulated_group_is_synthetic() -> None:
    folder = files.default_folder() / "policies"
    synthetic = {
        path.stem for path in folder.glob("*.toml") if tomllib.loads(path.read_text())["synthetic"]
    }

    assert synthetic == {"fleet"}
