"""Which brokers a test run gets, by what was wished for and what there is."""

from pathlib import Path

import pytest

from overt_ops.devstack.jars import KAFKA_LOCK
from overt_schemas.errors import Permanent
from tests.stack.brokers.choice import IMAGE, Kind, Wish, choose, wish


@pytest.fixture
def no_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")


def test_nothing_said_means_one_broker_from_wherever_there_is_one() -> None:
    assert wish({}) == Wish(kind=Kind.AUTO, brokers=1, image=IMAGE)


def test_the_image_is_of_the_version_that_is_embedded() -> None:
    assert IMAGE.split(":")[1] in KAFKA_LOCK.name


def test_everything_can_be_said() -> None:
    said = {
        "OVERT_TEST_KAFKA": "testcontainers",
        "OVERT_TEST_BROKERS": "3",
        "OVERT_TEST_KAFKA_IMAGE": "ours/kafka:1",
    }

    assert wish(said) == Wish(kind=Kind.CONTAINERS, brokers=3, image="ours/kafka:1")


@pytest.mark.parametrize(
    ("name", "value"), [("OVERT_TEST_KAFKA", "docker"), ("OVERT_TEST_BROKERS", "2")]
)
def test_what_there_is_not_is_refused_with_what_there_is(name: str, value: str) -> None:
    with pytest.raises(Permanent, match=f"{name}={value}: it is one of"):
        wish({name: value})


@pytest.mark.usefixtures("no_engine")
def test_without_an_engine_brokers_are_embedded_and_one_line_says_why() -> None:
    found = choose(wish({"OVERT_TEST_BROKERS": "3"}))

    assert (found.maker, found.brokers) == (None, 3)
    assert found.line == "Kafka: 3 brokers embedded (no Docker engine answers)"


@pytest.mark.usefixtures("no_engine")
def test_without_an_engine_containers_asked_for_by_name_are_a_failure() -> None:
    with pytest.raises(Permanent, match="no Docker engine answers"):
        choose(wish({"OVERT_TEST_KAFKA": "testcontainers"}))


def test_who_wants_embedded_brokers_needs_no_engine() -> None:
    found = choose(wish({"OVERT_TEST_KAFKA": "embedded"}))

    assert (found.maker, found.line) == (None, "Kafka: 1 broker embedded")
