"""Schema ids and fingerprints are fixed for ever."""

import json
from pathlib import Path

import pytest

from overt_schemas import catalogue, topics
from overt_schemas.errors import Malformed
from tests.schemas.strategies import NAMES

PINNED = Path(__file__).parent.parent / "golden" / "fingerprints.json"


def test_a_released_schema_never_changes_its_id_or_fingerprint() -> None:
    pinned = json.loads(PINNED.read_text("utf-8"))

    current = {
        name: {"id": number, "sha256": catalogue.schema_by_id(number).fingerprint}
        for number, name in catalogue.IDS.items()
    }

    assert current == pinned


def test_a_schema_has_one_id() -> None:
    assert len(set(catalogue.IDS.values())) == len(catalogue.IDS)


def test_what_is_written_is_the_newest_version_of_a_class() -> None:
    assert catalogue.schema("Policy").name == "Policy.2"
    assert catalogue.schema("Policy.2") is catalogue.schema("Policy")
    assert catalogue.schema_by_id(32).record is catalogue.schema("Policy").record


@pytest.mark.parametrize("number", [0, -1, 12, 41, 2**31])
def test_an_unknown_id_is_malformed(number: int) -> None:
    with pytest.raises(Malformed) as caught:
        catalogue.schema_by_id(number)

    assert caught.value.reason == "unknown_schema"


@pytest.mark.parametrize("topic", topics.CATALOGUE.values(), ids=lambda t: t.name)
def test_a_topic_carries_schemas_of_the_catalogue(topic: topics.Topic) -> None:
    assert set(topic.schemas) <= set(NAMES)
    assert topic.partitions >= 1
    assert topic.name.startswith("overt.")
    assert topic.name.endswith(".v1")


def test_parts_are_partitioned_as_their_raw_records() -> None:
    counts = {
        topics.CATALOGUE[name].partitions for name in (topics.INPUT, topics.FRAME, topics.PART)
    }

    assert len(counts) == 1


def test_registries_are_compacted_and_in_one_partition() -> None:
    for name in (topics.CONTROL, topics.DEVICE, topics.PERSON, topics.GRANT):
        assert topics.CATALOGUE[name].retention_ms is None
        assert topics.CATALOGUE[name].partitions == 1


def test_content_is_never_on_a_compacted_topic() -> None:
    sealed = [t for t in topics.CATALOGUE.values() if t.data is topics.DataClass.SEALED]

    assert all(t.retention_ms is not None for t in sealed)
