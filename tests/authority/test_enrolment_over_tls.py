"""Enrolment and identity over real TLS: who is let in, as whom, and who is not."""

import base64
import datetime
import ssl
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from overt_authority.publish import MemoryPublisher
from overt_authority.services import Services
from overt_schemas import api, codec, topics
from overt_schemas.records import Device, KeySet, Person, Policy, Signed
from overt_schemas.signing import Keyring, SigningKey
from tests.authority import kit
from tests.authority.kit import World


def tokens(url: str, world: World, count: int = 1) -> list[str]:
    with kit.caller(url, world, world.certificate("operator", "op-1")) as operator:
        answer = operator.post(api.TOKENS, json={"group": "demo", "count": count})
    assert answer.status_code == 200, answer.text
    return list(answer.json()["tokens"])


def enrol(
    url: str, world: World, token: str, key: ec.EllipticCurvePrivateKey, signing: bytes,
    subject: x509.Name | None = None,
) -> httpx.Response:  # fmt: skip
    body = {
        "token": token, "signing_key": base64.b64encode(signing).decode(),
        "csr": kit.csr(key, subject),
    }  # fmt: skip
    with kit.caller(url, world) as nobody:
        return nobody.post(api.ENROL, json=body)


def device_pair(
    folder: Path, answer: dict[str, str], key: ec.EllipticCurvePrivateKey
) -> tuple[str, str]:
    cert = kit.secret(folder / "device" / "cert.pem", answer["certificate"])
    private = kit.secret(folder / "device" / "key.pem", kit.private_pem(key))
    return str(cert), str(private)


@pytest.fixture
def key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def test_a_device_is_in_the_registry_before_it_has_a_certificate(
    url: str, world: World, spoken: MemoryPublisher, key: ec.EllipticCurvePrivateKey
) -> None:
    signing = SigningKey.generate("device")

    answer = enrol(url, world, tokens(url, world)[0], key, signing.public_bytes()).json()

    ring = Keyring(root=base64.b64decode(answer["root_key"]))
    ring = ring.accept(codec.decode(base64.b64decode(answer["keyset"]), Signed))
    now = int(datetime.datetime.now(datetime.UTC).timestamp() * 1000)
    said = spoken.of(topics.DEVICE)[-1]
    device = ring.open(codec.decode(said.value, Signed), now, Device)
    person_record = spoken.of(topics.PERSON)[-1]
    person = ring.open(codec.decode(person_record.value, Signed), now, Person)
    policy = ring.open(codec.decode(base64.b64decode(answer["policy"]), Signed), now, Policy)
    assert (said.key, device.device.hex()) == (device.device, answer["device"])
    assert person_record.key == answer["person"].encode()
    assert device.signing_key == signing.public_bytes()
    assert [span.person for span in device.spans] == [person.person] == [answer["person"]]
    assert (device.state, person.state, len(person.keys)) == ("active", "active", 2)
    assert (policy.group, policy.version, answer["group"]) == ("demo", 1, "demo")
    assert (answer["bootstrap"], len(base64.b64decode(answer["tag_secret"]))) == ("broker:9093", 32)
    assert answer["broker_ca"].startswith("-----BEGIN CERTIFICATE-----")


def test_the_name_in_a_request_is_ignored(
    url: str, world: World, key: ec.EllipticCurvePrivateKey
) -> None:
    wish = kit.name("operator", "root")

    answer = enrol(url, world, tokens(url, world)[0], key, bytes(32), wish).json()

    cert = x509.load_pem_x509_certificate(answer["certificate"].encode())
    assert cert.subject == kit.name("endpoint", answer["device"], "demo")
    life = cert.not_valid_after_utc - datetime.datetime.now(datetime.UTC)
    assert datetime.timedelta(hours=23) < life <= datetime.timedelta(hours=24)


def test_a_token_enrols_one_device(
    url: str, world: World, spoken: MemoryPublisher, key: ec.EllipticCurvePrivateKey
) -> None:
    token = tokens(url, world)[0]
    first = enrol(url, world, token, key, bytes(32))

    repeated = enrol(url, world, token, key, bytes(32))
    other_key = enrol(url, world, token, ec.generate_private_key(ec.SECP256R1()), bytes(32))
    other_signer = enrol(url, world, token, key, bytes([1]) * 32)

    assert first.json()["device"] == repeated.json()["device"]
    assert other_key.json()["error"] == other_signer.json()["error"] == api.BAD_TOKEN
    assert (other_key.status_code, other_signer.status_code) == (403, 403)
    assert len({record.key for record in spoken.of(topics.DEVICE)}) == 1


@pytest.mark.parametrize("token", ["", "x", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"])
def test_an_unknown_token_enrols_nobody(
    url: str, world: World, spoken: MemoryPublisher, key: ec.EllipticCurvePrivateKey, token: str
) -> None:
    answer = enrol(url, world, token, key, bytes(32))

    assert answer.status_code in (400, 403)
    assert not spoken.of(topics.DEVICE)


def test_a_device_renews_its_certificate_and_asks_for_its_consents(
    url: str, world: World, key: ec.EllipticCurvePrivateKey
) -> None:
    answer = enrol(url, world, tokens(url, world)[0], key, bytes(32)).json()
    next_key = ec.generate_private_key(ec.SECP256R1())

    with kit.caller(url, world, device_pair(world.folder, answer, key)) as device:
        renewed = device.post(api.CERTIFICATE, json={"csr": kit.csr(next_key)})
        consent = device.get(f"{api.CONSENTS}/c-0123456789abcdef")
        refused = device.post(api.TOKENS, json={"group": "demo", "count": 1})

    cert = x509.load_pem_x509_certificate(renewed.json()["certificate"].encode())
    assert cert.subject == kit.name("endpoint", answer["device"], "demo")
    assert cert.public_key() == next_key.public_key()
    assert consent.json() == {"registered": False}
    assert (refused.status_code, refused.json()["error"]) == (403, api.WRONG_IDENTITY)


ROUTES = [
    ("POST", api.CERTIFICATE, "endpoint"),
    ("GET", f"{api.CONSENTS}/c-1", "endpoint"),
    ("POST", api.PROCESSOR_KEYS, "service"),
    ("GET", api.SEGMENTS, "subscriber"),
    ("POST", api.READ, "subscriber"),
    ("POST", api.RELEASE, "subscriber"),
    ("POST", api.TOKENS, "operator"),
    ("POST", api.GRANTS, "operator"),
    ("POST", f"{api.GRANTS}/g-1/approve", "operator"),
    ("POST", api.PAUSE, "operator"),
    ("POST", api.RESUME, "operator"),
    ("GET", api.FLEET, "operator"),
]


def test_every_route_refuses_every_other_identity(url: str, world: World) -> None:
    wrong = []
    for kind in ("service", "subscriber", "operator"):
        pair = world.certificate(kind, "refine" if kind == "service" else "somebody")
        with kit.caller(url, world, pair) as client:
            for method, path, owner in ROUTES:
                answer = client.request(method, path, json={} if method == "POST" else None)
                is_refused = (
                    answer.status_code == 403 and answer.json()["error"] == "wrong_identity"
                )
                if is_refused == (kind == owner):
                    wrong.append((kind, method, path, answer.status_code))

    assert wrong == []


def test_without_a_certificate_only_enrolment_answers(url: str, world: World) -> None:
    paths = [*ROUTES, ("GET", api.KEYSET, ""), ("GET", api.READY, ""), ("GET", api.LOG_HEAD, "")]
    with kit.caller(url, world) as nobody:
        codes = {nobody.request(method, path).status_code for method, path, _ in paths}

    assert codes == {403}


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/nothing", "/docs", "/v1/enrol/x"])
def test_an_unknown_route_is_refused(url: str, world: World, path: str) -> None:
    with kit.caller(url, world, world.certificate("operator", "op-1")) as operator:
        answer = operator.get(path)

    assert (answer.status_code, answer.json()["error"]) == (403, api.WRONG_IDENTITY)


def test_a_certificate_of_a_strange_ca_does_not_connect(url: str, world: World) -> None:
    strange = kit.new_ca(world.folder / "strange", "service")
    pair = kit.issue(strange, kit.name("operator", "op-1"), world.folder / "strange")

    with kit.caller(url, world, pair) as client, pytest.raises((httpx.HTTPError, ssl.SSLError)):
        client.get(api.READY)


def test_an_expired_certificate_does_not_connect(url: str, world: World) -> None:
    past = datetime.timedelta(hours=-1)
    name, folder = kit.name("operator", "op-1"), world.folder / "expired"
    pair = kit.issue(world.service_ca, name, folder, past)

    with kit.caller(url, world, pair) as client, pytest.raises((httpx.HTTPError, ssl.SSLError)):
        client.get(api.READY)


def test_the_device_ca_makes_no_operator_and_the_service_ca_no_endpoint(
    url: str, world: World
) -> None:
    forged = world.certificate("operator", "forged", world.device_ca)
    endpoint = world.certificate("endpoint", "00" * 16)

    with kit.caller(url, world, forged) as one, kit.caller(url, world, endpoint) as other:
        codes = [one.get(api.READY).status_code, other.get(api.READY).status_code]

    assert codes == [403, 403]


def test_the_key_set_is_the_roots_and_the_authority_is_ready(url: str, world: World) -> None:
    with kit.caller(url, world, world.certificate("subscriber", "sub-1")) as client:
        framed, ready = client.get(api.KEYSET).content, client.get(api.READY).json()

    ring = Keyring(root=world.root.public_bytes()).accept(codec.decode(framed, Signed))
    assert {cert.role for cert in ring.certs.values()} == {
        "authority", "processor-seal", "processor-sign",
    }  # fmt: skip
    assert ready == {"ready": True}
    assert codec.unpack(KeySet, codec.decode(framed, Signed).body).version == 1


def test_processors_get_their_keys_after_a_log_entry(
    url: str, world: World, services: Services
) -> None:
    with kit.caller(url, world, world.certificate("service", "refine")) as refine:
        answer = refine.post(api.PROCESSOR_KEYS, json={}).json()
    with kit.caller(url, world, world.certificate("service", "sink")) as sink:
        refused = sink.post(api.PROCESSOR_KEYS, json={})

    keyset = codec.unpack(KeySet, codec.decode(services.epoch_keys.keyset(), Signed).body)
    public = {cert.key_id: cert.public for cert in keyset.certs}
    signing = answer["signing"]
    seed = base64.b64decode(signing["seed"])
    assert SigningKey(signing["key_id"], seed).public_bytes() == public[signing["key_id"]]
    assert {epoch["key_id"] for epoch in answer["epochs"]} <= set(public)
    assert [e.kind for e in services.log.entries(0, 10)][-1] == "processor_keys"
    assert refused.status_code == 403


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b"null", b"x" * 70_000], ids=["half", "list", "null", "large"]
)
def test_a_broken_request_is_refused_without_a_trace_of_it(
    url: str, world: World, body: bytes
) -> None:
    with kit.caller(url, world, world.certificate("operator", "op-1")) as operator:
        answer = operator.post(api.TOKENS, content=body)

    assert answer.status_code == 400
    assert set(answer.json()) == {"error", "detail"}
