"""What a lazy operator leaves open, and what one broken key does to the others."""

import base64
import tomllib

import pytest
import tomli_w

from overt_authority.assembly import assemble
from overt_authority.keys.people import PERSON_KEYS
from overt_authority.publish import MemoryPublisher
from overt_authority.services import Services
from overt_authority.settings import load
from overt_schemas import api
from overt_schemas.clock import SystemClock
from overt_schemas.errors import Permanent
from tests.authority import kit, story
from tests.authority.kit import World

KEYS = (bytes(range(32)), bytes(range(1, 33)))


def test_a_key_that_is_gone_shuts_its_own_segments_and_no_others(
    services: Services, world: World, url: str
) -> None:
    endpoints = [story.enrol(services) for _ in KEYS]
    people = tuple(endpoint.enrolled.person for endpoint in endpoints)
    segments = [
        story.segment(services, endpoint, story.agree(services, endpoint), key)
        for endpoint, key in zip(endpoints, KEYS, strict=True)
    ]
    grant = story.grant(services, endpoints[0], cohort=people)
    with services.database.write() as db:
        gone = PERSON_KEYS.c.person == people[0]
        db.execute(PERSON_KEYS.update().where(gone).values(wrapped=b"overt-root-1970-W01:" + b"x"))
    body = {
        "grant": grant, "purpose": kit.PURPOSE,
        "segments": [
            {
                "header": base64.b64encode(one.packed).decode(),
                "wrap": base64.b64encode(one.wrap).decode(), "person_key": one.person_key,
            }
            for one in segments
        ],
    }  # fmt: skip

    with kit.caller(url, world, world.certificate("subscriber", story.SUBSCRIBER)) as client:
        answer = client.post(api.RELEASE, json=body)

    assert answer.status_code == 200
    first, second = answer.json()["keys"]
    assert first["refused"] == "unreadable"
    assert base64.b64decode(second["key"]) == KEYS[1]
    said = [e.detail.split()[0] for e in services.log.entries(0, 99) if e.kind == "release"]
    assert said == ["released", "released", "refused=unreadable"]


@pytest.mark.parametrize("secret", ["root.key", "ca/device.key", "door/key.pem", "kafka.password"])
def test_a_secret_that_others_may_read_is_no_secret(world: World, secret: str) -> None:
    (world.folder / secret).chmod(0o644)

    with (
        pytest.raises(Permanent) as refused,
        assemble(world.settings, SystemClock(), MemoryPublisher()),
    ):
        pass

    assert refused.value.reason == "settings"


def test_keys_do_not_travel_in_clear(world: World) -> None:
    values = tomllib.loads(world.config.read_text())
    del values["file_root"]
    values["bao"] = {
        "url": "http://127.0.0.1:1", "ca": str(world.service_ca.cert_path),
        "jwt_key": str(world.service_ca.key_path),
    }  # fmt: skip
    kit.secret(world.config, tomli_w.dumps(values))

    with pytest.raises(Permanent):
        load(world.config)


def test_a_device_that_was_revoked_reads_no_log(services: Services, world: World, url: str) -> None:
    from overt_authority.devices import store as devices

    endpoint = story.enrol(services)
    name = kit.name("endpoint", endpoint.enrolled.device.hex(), "demo")
    pair = kit.issue(world.device_ca, name, world.folder / "own")
    with services.database.write() as db:
        db.execute(devices.DEVICES.update().values(state="revoked"))

    with kit.caller(url, world, pair) as device:
        assert device.get(api.LOG_ENTRIES).status_code == 403
