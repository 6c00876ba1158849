"""Release: the log first, the header decides, and nothing else opens a key."""

import base64
import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace

import httpx
import pytest

from overt_authority.people import store as people
from overt_authority.publish import MemoryPublisher
from overt_authority.services import Services
from overt_schemas import api, codec, topics
from overt_schemas.envelope.part import Segment, SegmentHeader, dump, load
from overt_schemas.records import AuditEntry, Beacon, Consent, Grant, Signed
from tests.authority import kit, story
from tests.authority.kit import World

KEY = bytes(range(32))


@dataclass(slots=True)
class Reader:
    """A subscriber at the authority's door, with a grant and a segment."""

    client: httpx.Client
    services: Services
    endpoint: story.Endpoint
    consent: Consent
    grant: str
    segment: Segment

    def ask(
        self, header: bytes | None = None, wrap: bytes | None = None, *, grant: str = "",
        purpose: str = kit.PURPOSE,
    ) -> httpx.Response:  # fmt: skip
        one = {
            "header": base64.b64encode(header or self.segment.packed).decode(),
            "wrap": base64.b64encode(wrap or self.segment.wrap).decode(),
            "person_key": self.segment.person_key,
        }  # fmt: skip
        body = {"grant": grant or self.grant, "purpose": purpose, "segments": [one]}
        return self.client.post(api.RELEASE, json=body)

    def refusal(self, header: bytes | None = None, wrap: bytes | None = None) -> str:
        (answer,) = self.ask(header, wrap).json()["keys"]
        assert "key" not in answer
        return str(answer["refused"])

    def logged(self) -> list[AuditEntry]:
        return [e for e in self.services.log.entries(0, 1000) if e.kind == "release"]


@pytest.fixture
def reader(services: Services, world: World, url: str) -> Iterator[Reader]:
    endpoint = story.enrol(services)
    consent = story.agree(services, endpoint)
    with kit.caller(url, world, world.certificate("subscriber", story.SUBSCRIBER)) as client:
        yield Reader(
            client=client, services=services, endpoint=endpoint, consent=consent,
            grant=story.grant(services, endpoint),
            segment=story.segment(services, endpoint, consent, KEY),
        )  # fmt: skip


def break_log(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(services.log, "_flush", full)


def test_a_granted_key_is_released_and_logged(reader: Reader) -> None:
    (answer,) = reader.ask().json()["keys"]

    assert base64.b64decode(answer["key"]) == KEY
    assert answer["info"] == reader.segment.info.hex()
    (entry,) = reader.logged()
    assert (entry.actor, entry.grant, entry.purpose) == ("sub-1", reader.grant, kit.PURPOSE)
    assert entry.person == reader.endpoint.enrolled.person
    assert entry.detail == f"released info={reader.segment.info.hex()}"


def test_while_the_log_cannot_be_flushed_there_is_no_key_no_read_no_beacon_no_processor_key(
    reader: Reader, world: World, url: str, spoken: MemoryPublisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf, enrolled = story.Shelf(world.folder), reader.endpoint.enrolled
    columns: dict[str, object] = {"person": enrolled.person, "device": enrolled.device.hex()}
    runs = shelf.put("a/1.avro", [(columns, b"sealed")])
    shelf.close()
    break_log(reader.services, monkeypatch)
    beacons = len(spoken.of(topics.BEACON))

    release = reader.ask()
    listing = reader.client.get(api.SEGMENTS, params={"grant": reader.grant})
    read = reader.client.post(api.READ, json={"grant": reader.grant, "runs": runs})
    with kit.caller(url, world, world.certificate("operator", "op-1")) as operator:
        pause = operator.post(api.PAUSE, json={"groups": ["demo"]})
        ready = operator.get(api.READY)
    with kit.caller(url, world, world.certificate("service", "refine")) as refine:
        keys = refine.post(api.PROCESSOR_KEYS, json={})

    answers = (release, listing, read, pause, ready, keys)
    assert [answer.status_code for answer in answers] == [503] * 6
    assert {answer.json()["error"] for answer in answers} == {"log"}
    assert len(spoken.of(topics.BEACON)) == beacons
    assert reader.logged() == []


def test_a_pause_that_could_not_be_logged_holds_as_soon_as_the_log_works(
    reader: Reader, world: World, url: str, spoken: MemoryPublisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        break_log(reader.services, broken)
        with kit.caller(url, world, world.certificate("operator", "op-1")) as operator:
            operator.post(api.PAUSE, json={"groups": ["demo"]})

    reader.services.beacons.publish()

    signed = codec.decode(spoken.of(topics.BEACON)[-1].value, Signed)
    assert codec.unpack(Beacon, signed.body).paused_groups == ("demo",)


@pytest.mark.parametrize("field", ["segment", "day", "activity", "boot", "processor"])
def test_a_wrap_under_another_header_does_not_open(reader: Reader, field: str) -> None:
    header = load(SegmentHeader, reader.segment.packed)
    values = {"segment": 7, "day": "2026-11-26", "activity": 3, "boot": bytes(16), "processor": "x"}
    changed = dump(replace(header, **{field: values[field]}))  # type: ignore[arg-type]

    assert reader.refusal(changed) == "unreadable"
    assert [entry.detail.split()[0] for entry in reader.logged()] == [
        "released", "refused=unreadable",
    ]  # fmt: skip


def test_the_wrap_of_another_segment_does_not_open(reader: Reader) -> None:
    other = story.segment(reader.services, reader.endpoint, reader.consent, bytes(32), segment=1)

    assert reader.refusal(wrap=other.wrap) == "unreadable"


def test_a_header_that_claims_more_than_was_agreed_is_refused(reader: Reader) -> None:
    header = load(SegmentHeader, reader.segment.packed)
    more = dump(replace(header, consent="c-ffffffffffffffff"))

    assert reader.refusal(more) == api.NO_CONSENT


@pytest.mark.parametrize("header", [b"\x00", b"\xa0\xa0", os.urandom(300), b"\xff" * 40], ids=len)
def test_bytes_that_are_no_header_are_refused(reader: Reader, header: bytes) -> None:
    assert reader.refusal(header) == "unreadable"


def test_after_a_withdrawal_no_key_is_released(reader: Reader) -> None:
    assert "key" in reader.ask().json()["keys"][0]
    now = reader.services.now_ms()
    gone = story.receipt(
        reader.services, reader.endpoint, consent=reader.consent.consent, decision="withdrawn",
        decided_ms=now,
    )  # fmt: skip

    story.say(reader.services, reader.endpoint, gone)

    assert reader.refusal() == api.NO_CONSENT


def test_of_a_person_in_erasure_no_key_is_released(reader: Reader) -> None:
    with reader.services.database.write() as db:
        where = people.PEOPLE.c.person == reader.endpoint.enrolled.person
        db.execute(people.PEOPLE.update().where(where).values(state="erasing"))

    assert reader.refusal() == api.ERASED
    assert reader.logged()[-1].detail.startswith("refused=erased info=")


def test_what_a_grant_does_not_give_is_refused_and_logged(
    reader: Reader, world: World, url: str
) -> None:
    other = story.grant(reader.services, reader.endpoint, subscriber="sub-2")
    one_stream = story.grant(reader.services, reader.endpoint, streams=(1,))

    codes = [
        reader.ask(grant="g-0000000000000000").json()["error"],
        reader.ask(grant=other).json()["error"],
        reader.ask(purpose="another").json()["error"],
        reader.ask(grant=one_stream).json()["keys"][0]["refused"],
    ]

    assert codes == [api.NO_GRANT, api.NOT_YOURS, api.PURPOSE, api.OUT_OF_SCOPE]
    assert [entry.detail.split()[0] for entry in reader.logged()] == [
        f"refused={code}" for code in codes
    ]


def test_the_log_is_told_to_auditors_and_to_the_person_it_concerns(
    reader: Reader, world: World, url: str, spoken: MemoryPublisher
) -> None:
    stranger = story.enrol(reader.services)
    reader.ask()

    reader.services.teller.tell()
    reader.services.teller.tell()

    told = [codec.decode(record.value, AuditEntry) for record in spoken.of(topics.AUDIT)]
    assert told == reader.services.log.entries(0, 1000)
    with kit.caller(url, world, world.certificate("service", "auditor")) as auditor:
        answer = auditor.get(api.LOG_ENTRIES, params={"from": "0", "to": "1000"}).json()
    assert [entry["number"] for entry in answer["entries"]] == list(range(len(told)))
    with kit.caller(url, world, _as_device(world, reader.endpoint)) as device:
        own = device.get(api.LOG_ENTRIES).json()["entries"]
    with kit.caller(url, world, _as_device(world, stranger)) as device:
        others = device.get(api.LOG_ENTRIES).json()["entries"]
    assert [entry["kind"] for entry in own] == ["enrol", "consent", "release"]
    assert [entry["kind"] for entry in others] == ["enrol"]


def _as_device(world: World, endpoint: story.Endpoint) -> tuple[str, str]:
    name = kit.name("endpoint", endpoint.enrolled.device.hex(), "demo")
    folder = world.folder / "devices" / endpoint.enrolled.device.hex()
    return kit.issue(world.device_ca, name, folder)


def test_an_ended_grant_releases_nothing_more(reader: Reader, url: str, world: World) -> None:
    assert reader.ask().status_code == 200

    with kit.caller(url, world, world.certificate("operator", "op-9")) as operator:
        answers = [operator.post(f"{api.GRANTS}/{reader.grant}/end", json={}) for _ in range(2)]
        approved = operator.post(f"{api.GRANTS}/{reader.grant}/approve", json={})
    refused = reader.ask()

    assert [answer.json()["state"] for answer in answers] == ["ended", "ended"]
    assert (refused.status_code, refused.json()["error"]) == (403, api.EXPIRED)
    assert (approved.status_code, approved.json()["error"]) == (403, api.EXPIRED)


def test_the_end_of_a_grant_is_logged_and_told_once_with_a_higher_version(
    reader: Reader, spoken: MemoryPublisher
) -> None:
    before = told_grants(spoken, reader.grant)[-1]

    reader.services.grants.end(reader.grant, "op-9")
    reader.services.grants.end(reader.grant, "op-9")

    *_, last = told_grants(spoken, reader.grant)
    ends = [e for e in reader.services.log.entries(0, 1000) if e.detail.startswith("end ")]
    assert (last.state, last.version) == ("ended", before.version + 1)
    assert [(e.kind, e.actor, e.grant) for e in ends] == [("grant", "op-9", reader.grant)] * 2


def test_a_grant_does_not_end_unlogged(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    break_log(reader.services, monkeypatch)

    with pytest.raises(Exception, match="log"):
        reader.services.grants.end(reader.grant, "op-9")

    held = reader.services.grants.find(reader.grant)
    assert held is not None
    assert held.grant.state == "active"


def test_a_subscriber_ends_no_grant(reader: Reader) -> None:
    answer = reader.client.post(f"{api.GRANTS}/{reader.grant}/end", json={})

    assert answer.status_code == 403
    assert reader.ask().status_code == 200


def told_grants(spoken: MemoryPublisher, grant: str) -> list[Grant]:
    """What was published of a grant, in order."""
    records = [record for record in spoken.of(topics.GRANT) if record.key == grant.encode()]
    return [codec.unpack(Grant, codec.decode(record.value, Signed).body) for record in records]
