"""No presigned range is offered by a store that would give more than the range."""

import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest

from overt_authority.grants import proof
from overt_authority.grants.index import Index
from overt_authority.grants.objects import Objects
from overt_authority.grants.presign import Presigner
from overt_authority.grants.ranges import NotOffered, Ranges
from overt_authority.services import Services
from overt_schemas import api
from overt_schemas.errors import Transient
from overt_schemas.testing import FakeClock
from tests.authority import kit, story
from tests.authority.loose_store import ACCESS, SECRET, Loose, serving

NAME = "topic=t/topicid=x_-/part=0/00000000000000000000.avro"
DATA = bytes(range(256)) * 20
EXPECTED = DATA[proof.FIRST : proof.FIRST + proof.SIZE]


def tried(
    loose: str, status: int = 0, expected: bytes = EXPECTED, refuses_with: int = 403
) -> str | None:
    objects = {f"/hot-1/{NAME}": DATA, f"/hot-1/{NAME}.other": DATA}
    made = Loose(objects=objects, loose=loose, status=status, refuses_with=refuses_with)
    with serving(made) as store:
        signer = Presigner(store.url, {"hot": "hot-1"}, ACCESS, SECRET)
        now_ms = time.time_ns() // 1_000_000
        return proof.failed_item(signer, "hot", [NAME], expected, now_ms)


def test_a_store_that_refuses_everything_else_passes() -> None:
    assert tried("") is None


@pytest.mark.parametrize(
    "loose",
    [
        "no_range", "two_ranges", "list_of_ranges", "unsigned_range", "other_object",
        "longer_life", "expired", "head",
    ],
)  # fmt: skip
def test_a_store_that_does_not_look_at_one_thing_fails_by_it(loose: str) -> None:
    failed = tried(loose)

    assert failed == loose


def test_a_store_that_ignores_the_range_fails() -> None:
    assert tried("ignores_range") == "exact_range"


def test_a_store_that_gives_other_bytes_fails() -> None:
    assert tried("", expected=b"x" * proof.SIZE) == "exact_range"


@pytest.mark.parametrize("status", [500, 503, 408, 429])
def test_a_store_that_stumbles_has_proved_nothing(status: int) -> None:
    with pytest.raises(Transient):
        tried("", status=status)


@pytest.mark.parametrize("status", [200, 206, 302, 404, 416])
def test_another_answer_than_a_refusal_is_none(status: int) -> None:
    assert tried("", refuses_with=status) == "no_range"
    assert tried("", status=status) == "exact_range"


def test_what_is_tried_to_delete_is_no_object_of_anybody() -> None:
    signer = Presigner("http://127.0.0.1:1", {"hot": "hot"}, ACCESS, SECRET)

    tries = proof.misuses(signer, "hot", [NAME, "other"], 0)

    (deletes,) = [one for one in tries if one.method == "DELETE"]
    assert urlsplit(deletes.url).path not in (f"/hot/{quote(NAME)}", "/hot/other")


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_refusal_is_one_by_any_of_its_codes(status: int) -> None:
    assert tried("", refuses_with=status) is None


def test_an_error_does_not_hold_the_url() -> None:
    signer = Presigner("http://127.0.0.1:1", {"hot": "hot"}, ACCESS, SECRET)

    with pytest.raises(Transient) as caught:
        proof.failed_item(signer, "hot", [NAME], EXPECTED, 0)

    assert "X-Amz" not in repr(caught.value)
    assert caught.value.__cause__ is None


HOUR_S = 3_600


@pytest.fixture
def loose(tmp_path: Path) -> Iterator[Loose]:
    with serving(Loose(objects={f"/hot/{NAME}": DATA, f"/hot/{NAME}.other": DATA})) as store:
        yield store


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(wall=time.time_ns() // 1000)


@pytest.fixture
def offers(
    services: Services, world: kit.World, loose: Loose, clock: FakeClock
) -> Iterator[Ranges]:
    shelf = story.Shelf(world.folder)
    shelf.put(NAME, [({"person": "p-1", "device": "00"}, b"run")], gap=DATA)
    shelf.close()
    path = world.folder / "objects" / "hot" / NAME
    path.write_bytes(DATA)
    index = Index(f"sqlite:///{world.folder}/index.db")
    buckets = {tier: tier for tier in ("hot", "warm", "cold")}
    signer = Presigner(loose.url, buckets, ACCESS, SECRET)
    objects = Objects.local(world.folder / "objects", buckets)
    yield Ranges(services.reading, index, objects, signer, clock)
    index.close()


def test_nothing_is_offered_before_it_was_tried_and_then_only_where_there_was_an_object(
    offers: Ranges,
) -> None:
    with pytest.raises(NotOffered):
        offers.hand_out("sub-1", "g-1", ["a-1"])

    offers.prove()

    assert offers.offered() == {"hot"}


def test_a_run_in_a_tier_that_was_not_proved_refuses_them_all_and_nothing_is_logged(
    services: Services, world: kit.World, offers: Ranges
) -> None:
    offers.prove()
    endpoint = story.enrol(services)
    story.agree(services, endpoint)
    grant = story.grant(services, endpoint)
    own: dict[str, object] = {
        "person": endpoint.enrolled.person, "device": endpoint.enrolled.device.hex()
    }  # fmt: skip
    shelf = story.Shelf(world.folder)
    hot, warm = [shelf.put(f"own/{t}", [({**own, "seen": n}, b"x")], tier=t)
                 for n, t in enumerate(("hot", "warm"), 10)]  # fmt: skip
    shelf.close()
    before = services.log.head().size

    with pytest.raises(NotOffered):
        offers.hand_out(story.SUBSCRIBER, grant, [*hot, *warm])
    assert services.log.head().size == before

    assert len(offers.hand_out(story.SUBSCRIBER, grant, hot).ranges) == 1
    assert services.log.head().size == before + 1


def test_it_is_tried_again_every_hour_and_a_store_that_got_worse_is_out_at_once(
    offers: Ranges, loose: Loose, clock: FakeClock
) -> None:
    offers.prove()
    asked = loose.asked
    clock.advance(HOUR_S - 60)
    offers.prove()
    assert loose.asked == asked

    loose.loose = "no_range"
    loose.now_s = HOUR_S + 60
    clock.advance(120)
    offers.prove()

    assert loose.asked > asked
    assert offers.offered() == frozenset()


def test_a_store_that_does_not_answer_runs_out_after_two_hours(
    offers: Ranges, loose: Loose, clock: FakeClock
) -> None:
    offers.prove()

    loose.status = 503
    clock.advance(HOUR_S + 1)
    offers.prove()
    assert offers.offered() == {"hot"}
    clock.advance(HOUR_S)
    offers.prove()

    assert offers.offered() == frozenset()


def test_where_nobody_may_sign_the_route_says_that_there_are_no_ranges(
    services: Services, world: kit.World, url: str
) -> None:
    services.ranges.prove()

    with kit.caller(url, world, world.certificate("subscriber", story.SUBSCRIBER)) as client:
        answer = client.post(api.RANGES, json={"grant": "g-1", "runs": ["a-1"]})

    assert (answer.status_code, answer.json()["error"]) == (404, "not_offered")
