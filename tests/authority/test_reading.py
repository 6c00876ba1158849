"""Reading: what is listed is what may be read, exactly those bytes, and never one run more."""

from collections.abc import Iterator

import httpx
import pytest

from overt_authority.people.store import PEOPLE
from overt_authority.services import Services
from overt_schemas import api
from tests.authority import kit, story
from tests.authority.kit import World


@pytest.fixture
def shelf(world: World) -> Iterator[story.Shelf]:
    made = story.Shelf(world.folder)
    yield made
    made.close()


@pytest.fixture
def client(world: World, url: str) -> Iterator[httpx.Client]:
    with kit.caller(url, world, world.certificate("subscriber", story.SUBSCRIBER)) as made:
        yield made


def columns(endpoint: story.Endpoint, **changes: object) -> dict[str, object]:
    enrolled = endpoint.enrolled
    return {"person": enrolled.person, "device": enrolled.device.hex(), **changes}


def page(client: httpx.Client, grant: str, after: str = "", limit: int = 100) -> dict[str, object]:
    query = {"grant": grant, "after": after, "limit": str(limit)}
    answer = client.get(api.SEGMENTS, params=query)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_exactly_the_granted_bytes_come_in_the_order_asked(
    services: Services, client: httpx.Client, shelf: story.Shelf
) -> None:
    endpoint = story.enrol(services)
    story.agree(services, endpoint)
    grant = story.grant(services, endpoint)
    first = shelf.put("a/1.avro", [(columns(endpoint), b"one"), (columns(endpoint), b"two-two")])
    second = shelf.put("a/2.avro", [(columns(endpoint), b"three" * 100_000)])

    answer = client.post(
        api.READ, json={"grant": grant, "runs": [first[1], second[0], first[0], first[1]]}
    )

    assert answer.content == b"two-two" + b"three" * 100_000 + b"one" + b"two-two"
    listed = page(client, grant)["runs"]
    assert isinstance(listed, list)
    assert [row["run"] for row in listed] == [*first, *second]
    assert [row["bytes"] for row in listed] == [3, 7, 500_000]


def test_runs_of_others_are_neither_listed_nor_read(
    services: Services, client: httpx.Client, shelf: story.Shelf
) -> None:
    mine, other, refuser = (story.enrol(services) for _ in range(3))
    for endpoint in (mine, other):
        story.agree(services, endpoint)
    grant = story.grant(
        services, mine, cohort=(mine.enrolled.person, refuser.enrolled.person), streams=(0,)
    )
    runs = shelf.put("a/1.avro", [
        (columns(mine), b"mine"),
        (columns(other), b"theirs"),
        (columns(refuser), b"no consent"),
        (columns(mine, stream=1), b"frames"),
        (columns(mine, stream=-1, kind="boot_end"), b"end"),
        ({"person": "", "device": "", "boot": "", "kind": "notice", "stream": -1}, b"notice"),
    ])  # fmt: skip

    listed = page(client, grant)["runs"]
    whole = client.post(api.READ, json={"grant": grant, "runs": [runs[0], runs[4], runs[5]]})
    refused = {
        code: client.post(api.READ, json={"grant": grant, "runs": [runs[0], run]})
        for code, run in (
            (api.OUT_OF_COHORT, runs[1]), (api.NO_CONSENT, runs[2]), (api.OUT_OF_SCOPE, runs[3]),
        )
    }  # fmt: skip

    assert isinstance(listed, list)
    assert [row["run"] for row in listed] == [runs[0], runs[4], runs[5]]
    assert whole.content == b"mineendnotice"
    for code, answer in refused.items():
        assert (answer.status_code, answer.json()["error"]) == (403, code)
        assert b"mine" not in answer.content
    kinds = [(e.kind, e.detail.split()[0]) for e in services.log.entries(0, 99) if e.kind == "read"]
    assert kinds.count(("read", "refused=no_consent")) == 1
    assert {detail for _, detail in kinds if not detail.startswith("refused")} == {
        "runs=1",
        "runs=2",
    }


def test_a_run_that_is_not_there_is_refused_like_one_that_is_not_granted(
    services: Services, client: httpx.Client, shelf: story.Shelf
) -> None:
    endpoint = story.enrol(services)
    story.agree(services, endpoint)
    grant = story.grant(services, endpoint)
    (run,) = shelf.put("a/1.avro", [(columns(endpoint), b"x")])

    answer = client.post(api.READ, json={"grant": grant, "runs": [run, "nothing-7"]})

    assert (answer.status_code, answer.json()["error"]) == (403, api.OUT_OF_SCOPE)


def test_pages_follow_each_other_without_a_gap_or_a_repeat(
    services: Services, client: httpx.Client, shelf: story.Shelf
) -> None:
    mine, other = story.enrol(services), story.enrol(services)
    story.agree(services, mine)
    grant = story.grant(services, mine)
    expected = []
    for number in range(9):
        owner = other if number % 3 == 0 else mine
        (run,) = shelf.put(f"a/{number}.avro", [(columns(owner), b"x")])
        expected += [run] if owner is mine else []

    seen, after, more = [], "", True
    while more:
        answer = page(client, grant, after, limit=2)
        runs = answer["runs"]
        assert isinstance(runs, list)
        seen += [row["run"] for row in runs]
        after, more = str(answer["next"]), bool(answer["more"])

    assert seen == expected
    (late,) = shelf.put("a/late.avro", [(columns(mine), b"x")])
    answer = page(client, grant, after)
    assert [row["run"] for row in answer["runs"]] == [late]  # type: ignore[attr-defined]


def test_a_run_that_was_moved_is_listed_where_it_stands_and_readable_by_both_names_for_a_while(
    services: Services, client: httpx.Client, shelf: story.Shelf
) -> None:
    endpoint = story.enrol(services)
    story.agree(services, endpoint)
    grant = story.grant(services, endpoint)
    old = shelf.put("a/1.avro", [(columns(endpoint), b"one"), (columns(endpoint), b"two")])
    before = page(client, grant)

    new = shelf.put(
        "person=p/day=d/m.avro", [(columns(endpoint, seen=2, records=2), b"onetwo")], tier="warm"
    )
    shelf.supersede(old)
    after = page(client, grant)
    within_the_grace = client.post(api.READ, json={"grant": grant, "runs": [*old, *new]})
    shelf.forget(old)
    behind_it = client.post(api.READ, json={"grant": grant, "runs": old})

    assert [row["run"] for row in before["runs"]] == old  # type: ignore[attr-defined]
    assert [row["run"] for row in after["runs"]] == new  # type: ignore[attr-defined]
    # Who had read half of it is shown all of it again, and nothing is left out.
    assert [row["run"] for row in page(client, grant, "1")["runs"]] == new  # type: ignore[attr-defined]
    assert page(client, grant, "2")["runs"] == []
    assert within_the_grace.content == b"onetwoonetwo"
    assert (behind_it.status_code, behind_it.json()["error"]) == (403, api.OUT_OF_SCOPE)


def test_who_is_erased_between_list_and_read_is_said_to_be(
    services: Services, client: httpx.Client, shelf: story.Shelf
) -> None:
    endpoint = story.enrol(services)
    story.agree(services, endpoint)
    grant = story.grant(services, endpoint)
    runs = shelf.put("a/1.avro", [(columns(endpoint), b"one")])
    listed = page(client, grant)["runs"]

    with services.database.write() as db:
        db.execute(PEOPLE.update().values(state="erasing"))
    erasing = client.post(api.READ, json={"grant": grant, "runs": runs})
    nothing = page(client, grant)["runs"]
    shelf.forget(runs)
    gone = client.post(api.READ, json={"grant": grant, "runs": runs})

    assert len(listed) == 1  # type: ignore[arg-type]
    assert nothing == []
    assert (erasing.status_code, erasing.json()["error"]) == (403, api.ERASED)
    # Names of runs that are gone tell as little as names that never were.
    assert (gone.status_code, gone.json()["error"]) == (403, api.OUT_OF_SCOPE)


def test_an_object_that_is_gone_does_not_look_like_an_end(
    services: Services, client: httpx.Client, shelf: story.Shelf, world: World
) -> None:
    endpoint = story.enrol(services)
    story.agree(services, endpoint)
    grant = story.grant(services, endpoint)
    (run,) = shelf.put("a/1.avro", [(columns(endpoint), b"x")])
    (world.folder / "objects" / "hot" / "a" / "1.avro").unlink()

    with pytest.raises(httpx.RemoteProtocolError):
        client.post(api.READ, json={"grant": grant, "runs": [run]})


def test_without_an_index_nothing_is_said(
    services: Services, client: httpx.Client, world: World
) -> None:
    endpoint = story.enrol(services)
    grant = story.grant(services, endpoint)

    answer = client.get(api.SEGMENTS, params={"grant": grant})

    assert (answer.status_code, answer.json()["error"]) == (503, "index")
    assert not (world.folder / "index.db").exists()
