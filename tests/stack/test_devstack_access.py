"""Who gets in where: proved by real clients that are let in or refused."""

import base64
import json
import socket
import ssl
import struct
import time
import urllib.error
import urllib.request
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import obstore
import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, NewTopic
from obstore.exceptions import AlreadyExistsError, BaseError, PermissionDeniedError
from obstore.store import S3Store

from overt_ops.devstack import Running, certs
from overt_ops.devstack.certs import Kind, subject
from overt_ops.topology.keyserver import login_token
from overt_schemas import client, topics
from tests.stack.clients import read, scram, tls, write

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]
DENIED = "TOPIC_AUTHORIZATION_FAILED"
CONTENT = (topics.INPUT, topics.FRAME, topics.PART, topics.PRESENCE, topics.CONSENT)


@pytest.mark.parametrize("user", ["alice", "mallory", "auditor", "reconcile", "operator"])
@pytest.mark.parametrize("topic", CONTENT)
def test_who_has_no_right_is_refused_on_every_content_topic(
    stack: Running, user: str, topic: str
) -> None:
    assert read(scram(stack, user), topic) == DENIED
    assert write(scram(stack, user), topic) == DENIED


@pytest.mark.parametrize("topic", [topics.INPUT, topics.FRAME, topics.BEACON, topics.DEVICE])
def test_refine_reads_what_it_refines(stack: Running, topic: str) -> None:
    assert read(scram(stack, "refine"), topic) == "ok"


def test_refine_cannot_write_where_endpoints_write(stack: Running) -> None:
    assert write(scram(stack, "refine"), topics.INPUT) == DENIED
    assert write(scram(stack, "refine"), topics.PART) == "ok"


@pytest.mark.parametrize(
    ("user", "reads", "writes"),
    [
        ("feed", {topics.PART, topics.CONTROL, topics.DEVICE, topics.PERSON, topics.GRANT}, set()),
        (
            "session",
            {topics.PART, topics.CONTROL, topics.SESSION},
            {topics.SESSION, topics.DEADLETTER},
        ),
        ("reconcile", {topics.CONTROL, topics.GRANT}, set()),
    ],
)
def test_who_moves_parts_and_makes_feeds_has_no_topic_beyond_its_work(
    stack: Running, user: str, reads: set[str], writes: set[str]
) -> None:
    own = scram(stack, user)

    assert {t for t in topics.CATALOGUE if read(own, t) == "ok"} == reads
    assert {t for t in topics.CATALOGUE if write(own, t) == "ok"} == writes


def test_who_makes_feeds_can_delete_no_other_topic(stack: Running) -> None:
    admin = AdminClient(scram(stack, "reconcile"))

    answers = admin.delete_topics([topics.PART, topics.GRANT])

    for future in answers.values():
        with pytest.raises(KafkaException) as refusal:
            future.result(10)
        assert refusal.value.args[0].code() == KafkaError.TOPIC_AUTHORIZATION_FAILED


def test_a_wrong_password_is_no_password(stack: Running) -> None:
    admin = AdminClient(scram(stack, "sink", "guess") | {"socket.timeout.ms": 3000})

    with pytest.raises(KafkaException):
        admin.list_topics(timeout=3)


def test_a_user_sees_only_the_topics_it_has_a_right_on(stack: Running) -> None:
    listed = AdminClient(scram(stack, "sink")).list_topics(timeout=10).topics

    assert set(listed) == {topics.PART, topics.DEVICE, topics.PERSON, topics.DEADLETTER}


def test_nobody_makes_topics(stack: Running) -> None:
    admin = AdminClient(scram(stack, "authority"))

    (future,) = admin.create_topics([NewTopic("mine", 1, 1)]).values()

    with pytest.raises(KafkaException) as refusal:
        future.result(10)
    assert refusal.value.args[0].code() == KafkaError.TOPIC_AUTHORIZATION_FAILED


def device_ca(stack: Running) -> certs.Issuer:
    return certs.ensure_issuer(stack.layout.ca, "device")


def service_ca(stack: Running) -> certs.Issuer:
    return certs.ensure_issuer(stack.layout.ca, "service")


def test_a_device_acts_as_its_class(stack: Running, tmp_path: Path) -> None:
    name = subject(Kind.ENDPOINT, "ab" * 16, "demo")
    device = tls(stack, tmp_path, device_ca(stack), name, "kafka_mtls")

    assert write(device | {"enable.idempotence": True}, topics.PRESENCE) == "ok"
    assert read(device, topics.BEACON) == "ok"
    assert read(device, topics.INPUT) == DENIED
    assert write(device, topics.PART) == DENIED
    assert write(device, topics.BEACON) == DENIED


def test_a_device_of_an_undeclared_group_may_nothing(stack: Running, tmp_path: Path) -> None:
    name = subject(Kind.ENDPOINT, "ab" * 16, "elsewhere")
    device = tls(stack, tmp_path, device_ca(stack), name, "kafka_mtls")

    assert write(device, topics.INPUT) == DENIED


def test_a_device_that_calls_itself_broker_is_nobody(stack: Running, tmp_path: Path) -> None:
    name = subject(Kind.BROKER, "broker-1")
    device = tls(stack, tmp_path, device_ca(stack), name, "kafka_mtls")

    assert write(device, topics.INPUT) == DENIED


def test_a_service_certificate_is_nobody_on_the_brokers_door(
    stack: Running, tmp_path: Path
) -> None:
    name = subject(Kind.SERVICE, "authority")
    service = tls(stack, tmp_path, service_ca(stack), name, "kafka_internal")

    assert write(service, topics.BEACON) == DENIED


@pytest.mark.parametrize("door", ["kafka_internal", "kafka_mtls"])
def test_the_wrong_authority_opens_no_door(stack: Running, tmp_path: Path, door: str) -> None:
    issuer = device_ca(stack) if door == "kafka_internal" else service_ca(stack)
    name = subject(Kind.ENDPOINT, "ab" * 16, "demo")
    stranger = tls(stack, tmp_path, issuer, name, door)

    with pytest.raises(KafkaException):
        AdminClient(stranger | {"socket.timeout.ms": 3000}).list_topics(timeout=3)


def test_groups_start_at_committed_offsets_without_guessing(stack: Running) -> None:
    config = client.consumer(scram(stack, "sink"), "sink")
    errors: list[int] = []
    consumer = Consumer(config | {"enable.partition.eof": True})
    consumer.subscribe([topics.PART])
    try:
        ends = 0
        deadline = time.monotonic() + 30
        while ends < 4 and time.monotonic() < deadline:
            message = consumer.poll(0.2)
            if message is not None and message.error():
                code = message.error().code()
                ends += code == KafkaError._PARTITION_EOF
                errors += [code] if code != KafkaError._PARTITION_EOF else []
    finally:
        consumer.close()

    assert (ends, errors) == (4, [])


def store(stack: Running, bucket: str, identity: str) -> S3Store:
    folder = stack.layout.principal(identity)
    return S3Store(
        bucket,
        endpoint=stack.store_url,
        region="us-east-1",
        access_key_id=(folder / "s3.access").read_text(),
        secret_access_key=(folder / "s3.secret").read_text(),
        client_options={"allow_http": True},
        retry_config={"max_retries": 0, "retry_timeout": timedelta(0)},
    )


def test_the_sink_creates_and_reads_in_hot_and_cannot_overwrite_or_delete(stack: Running) -> None:
    hot = store(stack, "hot", "sink")
    big = bytes(6 * 2**20)  # larger than one chunk of the store

    obstore.put(hot, "topic=t/1", big, mode="create")

    assert obstore.get(hot, "topic=t/1").bytes() == big
    assert [o["path"] for batch in obstore.list(hot, "topic=t") for o in batch] == ["topic=t/1"]
    with pytest.raises(AlreadyExistsError):
        obstore.put(hot, "topic=t/1", b"other", mode="create")
    with pytest.raises(BaseError, match="AccessDenied"):
        obstore.delete(hot, "topic=t/1")
    assert obstore.get(hot, "topic=t/1").bytes() == big


def test_the_second_identity_of_the_probe_cannot_put_an_object_where_a_chain_goes_on(
    stack: Running,
) -> None:
    hot, probe = store(stack, "hot", "sink"), store(stack, "hot", "sink-probe")
    obstore.put(hot, "probe/p/1", b"ours", mode="create")

    with pytest.raises(AlreadyExistsError):
        obstore.put(probe, "probe/p/1", b"other", mode="create")
    obstore.put(probe, "probe/p/2", b"theirs", mode="create")
    with pytest.raises(PermissionDeniedError):
        obstore.put(probe, "topic=t/forged", b"x", mode="create")
    with pytest.raises(PermissionDeniedError):
        obstore.get(probe, "probe/p/2")


@pytest.mark.parametrize("bucket", ["warm", "cold"])
def test_the_sink_has_nothing_in_the_other_tiers(stack: Running, bucket: str) -> None:
    with pytest.raises(PermissionDeniedError):
        obstore.put(store(stack, bucket, "sink"), "x", b"x")
    with pytest.raises(PermissionDeniedError):
        obstore.get(store(stack, bucket, "sink"), "x")


def test_the_authority_reads_and_never_writes(stack: Running) -> None:
    obstore.put(store(stack, "hot", "sink"), "topic=r/1", b"sealed", mode="create")
    hot = store(stack, "hot", "authority")

    assert obstore.get(hot, "topic=r/1").bytes() == b"sealed"
    with pytest.raises(PermissionDeniedError):
        obstore.put(hot, "topic=r/2", b"x")
    with pytest.raises(BaseError, match="AccessDenied"):
        obstore.delete(hot, "topic=r/1")
    with pytest.raises(BaseError, match="AccessDenied"):
        list(obstore.list(hot))


def status_of(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=5) as reply:  # noqa: S310 (a loopback http URL)
            return int(reply.status)
    except urllib.error.HTTPError as refusal:
        refusal.close()
        return int(refusal.code)


def test_strangers_get_nothing_from_the_store_or_its_inner_ports(stack: Running) -> None:
    obstore.put(store(stack, "hot", "sink"), "topic=s/1", b"sealed", mode="create")
    doors = {
        f"{stack.store_url}/hot/topic=s/1",
        f"{stack.store_url}/hot/",
        f"{stack.store_url}/",
        f"http://127.0.0.1:{stack.ports['store_filer']}/buckets/hot/topic=s/1",
        f"http://127.0.0.1:{stack.ports['store_master']}/dir/assign",
        f"http://127.0.0.1:{stack.ports['store_master']}/dir/lookup?volumeId=1&read=yes",
    }

    answers = {url: status_of(url) for url in doors}

    assert set(answers.values()) <= {401, 403, 404}, answers


def bao(stack: Running) -> httpx.Client:
    ca = stack.layout.service_ca
    context = ssl.create_default_context(cafile=str(ca))
    return httpx.Client(
        base_url=f"https://127.0.0.1:{stack.ports['bao']}/v1/", verify=context, timeout=10
    )


def login(stack: Running, http: httpx.Client, signer: str, role: str, mount: str) -> httpx.Response:
    pem = (stack.layout.principal(signer) / "jwt.pem").read_bytes()
    token = login_token(pem, signer, int(time.time()))
    return http.post(f"auth/{mount}/login", json={"role": role, "jwt": token})


def as_role(stack: Running, http: httpx.Client, role: str, mount: str) -> dict[str, str]:
    answer = login(stack, http, role, role, mount).raise_for_status().json()
    return {"X-Vault-Token": answer["auth"]["client_token"]}


@pytest.mark.parametrize(
    ("signer", "role", "mount"),
    [
        pytest.param("authority", "eraser", "jwt", id="another role at its own door"),
        pytest.param("authority", "reconcile", "jwt-reconcile", id="another's door"),
        pytest.param("eraser", "authority", "jwt", id="another's key"),
    ],
)
def test_the_key_server_refuses_a_role_that_is_not_the_signers(
    stack: Running, signer: str, role: str, mount: str
) -> None:
    with bao(stack) as http:
        assert login(stack, http, signer, role, mount).status_code == 400


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def test_the_authority_makes_and_uses_keys_and_the_eraser_destroys_and_opens_nothing(
    stack: Running,
) -> None:
    with bao(stack) as http:
        authority = as_role(stack, http, "authority", "jwt")
        eraser = as_role(stack, http, "eraser", "jwt-eraser")

        def call(who: dict[str, str], method: str, path: str, **body: Any) -> httpx.Response:
            return http.request(method, f"transit/{path}", headers=who, json=body)

        made = call(authority, "POST", "keys/root-a", type="aes256-gcm96")
        sealed = call(authority, "POST", "encrypt/root-a", plaintext=b64(b"k")).json()["data"]
        opened = call(authority, "POST", "decrypt/root-a", ciphertext=sealed["ciphertext"])
        upsert = call(authority, "POST", "encrypt/root-gone", plaintext=b64(b"k"))
        unlocking = call(authority, "POST", "keys/root-a/config", deletion_allowed=True)
        by_eraser = call(eraser, "POST", "decrypt/root-a", ciphertext=sealed["ciphertext"])
        made_anew = call(eraser, "POST", "keys/root-b", type="aes256-gcm96")
        allowed = call(eraser, "POST", "keys/root-a/config", deletion_allowed=True)
        destroyed = call(eraser, "DELETE", "keys/root-a")
        after = call(authority, "POST", "decrypt/root-a", ciphertext=sealed["ciphertext"])

    assert (made.status_code, opened.status_code) == (200, 200)
    assert opened.json()["data"]["plaintext"] == b64(b"k")
    assert (upsert.status_code, unlocking.status_code, by_eraser.status_code) == (403, 403, 403)
    assert (allowed.status_code, destroyed.status_code) == (200, 204)
    assert made_anew.status_code == 403
    assert after.status_code == 400


def test_whoever_applies_the_topology_can_open_nothing_and_not_widen_itself(
    stack: Running,
) -> None:
    with bao(stack) as http:
        me = as_role(stack, http, "reconcile", "jwt-reconcile")
        key = http.post("transit/keys/mine", headers=me, json={})
        opened = http.post("transit/decrypt/mine", headers=me, json={"ciphertext": "x"})
        wider = http.put(
            "sys/policies/acl/reconcile", headers=me, content=json.dumps({"policy": ""})
        )

    assert [answer.status_code for answer in (key, opened, wider)] == [403, 403, 403]


@pytest.mark.parametrize(
    "door", ["kafka_internal", "kafka_controller", "kafka_scram", "kafka_mtls"]
)
def test_a_listener_has_no_answer_to_a_question_in_clear(stack: Running, door: str) -> None:
    versions = struct.pack(">hhih1s", 18, 0, 7, 1, b"c")  # ApiVersions v0: the first question
    with socket.create_connection(("127.0.0.1", stack.ports[door]), 10) as link:
        link.sendall(struct.pack(">i", len(versions)) + versions)

        answer = link.recv(64)

    assert answer[:1] in (b"", b"\x15")  # closed, or a TLS alert
