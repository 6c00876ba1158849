"""Presigned ranges on real stores: exactly what READ gives, nothing more, and not for long."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import structlog

from overt_authority.grants import ranges as rooms
from overt_authority.services import Services
from overt_schemas import api
from overt_schemas.clock import SystemClock
from tests.authority import kit, story
from tests.authority.range_stores import STORES, TIERS, RealStore

pytestmark = pytest.mark.timeout(120)
FILL = bytes(range(256)) * 8  # objects that a proof can be tried on


class Late:
    """The system's clock, and as many seconds later as a test says."""

    def __init__(self) -> None:
        self.late_s = 0.0

    def wall_us(self) -> int:
        return SystemClock().wall_us() + round(self.late_s * 1e6)

    def boot_ns(self) -> int:
        return SystemClock().boot_ns()


@pytest.fixture(scope="module", params=list(STORES))
def store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RealStore]:
    with STORES[request.param](tmp_path_factory.mktemp("store")) as running:
        yield running


@pytest.fixture(scope="module")
def late() -> Late:
    return Late()


@pytest.fixture
def clock(late: Late) -> Iterator[Late]:
    yield late
    late.late_s = 0.0


@pytest.fixture(scope="module")
def world(store: RealStore, tmp_path_factory: pytest.TempPathFactory) -> kit.World:
    folder = tmp_path_factory.mktemp("world")
    return kit.make_world(folder, store.settings(folder / "keys"))


@pytest.fixture(scope="module")
def services(world: kit.World, late: Late) -> Iterator[Services]:
    with kit.running(world, late) as (running, _):
        yield running


@pytest.fixture(scope="module")
def shelf(world: kit.World, store: RealStore) -> Iterator[story.Shelf]:
    made = story.Shelf(world.folder, store.put)
    yield made
    made.close()


@pytest.fixture(scope="module")
def client(world: kit.World, services: Services) -> Iterator[httpx.Client]:
    pair = world.certificate("subscriber", story.SUBSCRIBER)
    with kit.serving(services, world) as url, kit.caller(url, world, pair) as made:
        yield made


@pytest.fixture
def granted(services: Services, shelf: story.Shelf) -> tuple[str, list[str]]:
    """A grant, and runs of its person in each of the tiers; the tiers are proved."""
    endpoint = story.enrol(services)
    story.agree(services, endpoint)
    columns: dict[str, object] = {
        "person": endpoint.enrolled.person,
        "device": endpoint.enrolled.device.hex(),
    }
    runs = []
    for tier in TIERS:
        names = shelf.put(
            f"person={endpoint.enrolled.person}/day=2026-11-25/{tier}=/1.avro",
            [(columns, tier.encode() * 100), (columns, b"second" * 50)], gap=FILL, tier=tier,
        )  # fmt: skip
        runs += names
    services.ranges.prove()
    began = services.now_ms() - 600_000
    return story.grant(services, endpoint, not_before_ms=began), runs


def handed(client: httpx.Client, grant: str, runs: list[str]) -> list[dict[str, Any]]:
    answer = client.post(api.RANGES, json={"grant": grant, "runs": runs})
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return list(answer.json()["ranges"])


def fetched(given: list[dict[str, Any]]) -> bytes:
    answers = [httpx.get(one["url"], headers=one["headers"]) for one in given if "url" in one]
    assert [answer.status_code for answer in answers] == [206] * len(answers)
    return b"".join(answer.content for answer in answers)


def test_ranges_give_the_bytes_that_read_gives_from_every_tier_at_once(
    client: httpx.Client, granted: tuple[str, list[str]], services: Services
) -> None:
    grant, runs = granted
    order = runs[::-1]

    read = client.post(api.READ, json={"grant": grant, "runs": order}).content
    given = handed(client, grant, order)

    assert services.ranges.offered() == set(TIERS)
    assert [one["run"] for one in given] == order
    assert fetched(given) == read
    assert read.startswith(b"second" * 50 + b"cold" * 100)
    by_read, by_ranges = list(services.log.entries(0, 9_999))[-2:]
    assert by_read.detail.startswith("runs=6 ")
    assert (by_ranges.kind, by_ranges.detail) == (by_read.kind, by_read.detail)


def test_what_was_handed_out_opens_nothing_else(
    client: httpx.Client, granted: tuple[str, list[str]], store: RealStore
) -> None:
    grant, runs = granted
    (one,) = handed(client, grant, [runs[2]])
    (other,) = handed(client, grant, [runs[4]])
    url, asked = one["url"], one["headers"]["Range"]
    first, last = map(int, asked.removeprefix("bytes=").split("-"))
    query = url.partition("?")[2]

    def status(
        changed: str = url, method: str = "GET", **headers: str | None
    ) -> int:  # fmt: skip
        sent = {"Range": asked, **{k.title(): v for k, v in headers.items()}}
        kept = {name: value for name, value in sent.items() if value is not None}
        return httpx.request(method, changed, headers=kept).status_code

    attacks = {
        "no range": status(range=None),
        "another": status(range=f"bytes={first - 10}-{first - 1}"),
        "wider": status(range=f"bytes={first}-{last + 1}"),
        "narrower": status(range=f"bytes={first}-{last - 1}"),
        "open": status(range=f"bytes={first}-"),
        "suffix": status(range="bytes=-10"),
        "list": status(range=f"{asked},0-9"),
        "other host": status(host="elsewhere:80"),
        "other object": status(f"{other['url'].partition('?')[0]}?{query}"),
        "other bucket": status(url.replace("/warm/", "/cold/")),
        "longer": status(url.replace("Expires=60", "Expires=6000")),
        "later": status(url.replace("X-Amz-Date=2", "X-Amz-Date=3")),
        "unsigned": status(url.replace("host%3Brange", "host")),
        "version": status(f"{url}&versionId=null"),
        "listing": status(f"{store.url}/warm/?list-type=2&{query}"),
        "put": status(method="PUT"),
        "delete": status(method="DELETE"),
        "no signature": status(url.partition("&X-Amz-Signature")[0]),
    }

    assert status() == 206
    assert {name: code for name, code in attacks.items() if code not in (400, 403)} == {}


def test_after_a_minute_what_was_handed_out_is_worth_nothing(
    client: httpx.Client, granted: tuple[str, list[str]], clock: Late
) -> None:
    grant, runs = granted
    clock.late_s = -61  # handed out a minute ago

    old = handed(client, grant, runs[:1])

    answer = httpx.get(old[0]["url"], headers=old[0]["headers"])
    assert answer.status_code in (400, 403)


def test_a_grant_that_was_ended_reads_on_for_a_minute_at_most(
    services: Services, client: httpx.Client, granted: tuple[str, list[str]]
) -> None:
    grant, runs = granted
    given = handed(client, grant, runs)

    services.grants.end(grant, "op-1")

    assert len(fetched(given)) > 0  # what was handed out cannot be taken back
    again = client.post(api.RANGES, json={"grant": grant, "runs": runs})
    assert (again.status_code, again.json()["error"]) == (403, api.EXPIRED)


def test_no_range_outlives_a_grant_that_ends_by_itself(
    services: Services, client: httpx.Client, granted: tuple[str, list[str]], clock: Late
) -> None:
    grant, runs = granted
    held = services.grants.find(grant)
    assert held is not None

    clock.late_s = held.grant.not_after_ms / 1000 - SystemClock().wall_us() / 1e6 - 10
    answer = client.post(api.RANGES, json={"grant": grant, "runs": runs}).json()

    assert 5 <= answer["valid_s"] <= 10
    assert f"X-Amz-Expires={answer['valid_s']}&" in answer["ranges"][0]["url"]


def test_in_the_last_second_of_a_grant_nothing_is_handed_out(
    services: Services, client: httpx.Client, granted: tuple[str, list[str]], clock: Late
) -> None:
    grant, runs = granted
    held = services.grants.find(grant)
    assert held is not None

    clock.late_s = held.grant.not_after_ms / 1000 - SystemClock().wall_us() / 1e6 - 0.9
    answer = client.post(api.RANGES, json={"grant": grant, "runs": runs})

    assert answer.status_code in (403, 404)
    assert "X-Amz" not in answer.text


def test_one_run_that_is_not_covered_refuses_them_all_and_is_logged(
    services: Services, client: httpx.Client, granted: tuple[str, list[str]], shelf: story.Shelf
) -> None:
    grant, runs = granted
    other = story.enrol(services)
    theirs: dict[str, object] = {
        "person": other.enrolled.person,
        "device": other.enrolled.device.hex(),
    }
    (foreign,) = shelf.put("theirs.avro", [(theirs, b"theirs")])

    answer = client.post(api.RANGES, json={"grant": grant, "runs": [runs[0], foreign]})

    assert (answer.status_code, answer.json()["error"]) == (403, api.OUT_OF_COHORT)
    assert "X-Amz" not in answer.text
    last = list(services.log.entries(0, 9_999))[-1]
    assert last.detail.startswith(f"refused={api.OUT_OF_COHORT}")


def test_nothing_that_is_told_holds_a_url(
    client: httpx.Client, granted: tuple[str, list[str]], capfd: pytest.CaptureFixture[str]
) -> None:
    grant, runs = granted
    with structlog.testing.capture_logs() as told:
        given = handed(client, grant, runs)

    assert "ranges_handed_out" in {event["event"] for event in told}
    assert "X-Amz" not in repr(told) + "".join(capfd.readouterr())
    assert "X-Amz" not in repr(rooms.Ranged(run="r", presigned=None)) + repr(len(given))
