"""Who stands at the door: no caller keeps the others out, and no two names are one person."""

import base64
import json
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from overt_authority.grants import rules
from overt_authority.services import Services
from overt_authority.web import peer
from overt_schemas import api
from overt_schemas.errors import Refused
from tests.authority import kit, story
from tests.authority.kit import World

Pair = tuple[str, str]


@contextmanager
def connections(
    url: str, world: World, pair: Pair | None, count: int
) -> Iterator[list[ssl.SSLSocket]]:
    """Give TLS connections that say nothing."""
    context = ssl.create_default_context(cafile=str(world.service_ca.cert_path))
    if pair is not None:
        context.load_cert_chain(*pair)
    host, port = url.removeprefix("https://").split(":")
    with ExitStack() as open_ones:
        made = []
        for _ in range(count):
            raw = open_ones.enter_context(socket.create_connection((host, int(port)), timeout=10))
            made.append(open_ones.enter_context(context.wrap_socket(raw, server_hostname=host)))
        yield made


def is_closed(connection: ssl.SSLSocket) -> bool:
    """Wait for the server to close; an answer or ten seconds of silence are no close."""
    connection.settimeout(10)
    try:
        return connection.recv(1) == b""
    except TimeoutError:
        return False
    except OSError:
        return True


@pytest.mark.parametrize("name", [None, "sub-1"], ids=["nobody", "a subscriber"])
def test_one_caller_does_not_keep_the_others_out(
    url: str, world: World, monkeypatch: pytest.MonkeyPatch, name: str | None
) -> None:
    monkeypatch.setattr(peer, "MOST", 3)
    monkeypatch.setattr(peer, "MOST_STRANGERS", 3)
    pair = world.certificate("subscriber", name) if name else None

    with connections(url, world, pair, 4) as held:
        closed = is_closed(held[-1])
        with kit.caller(url, world, world.certificate("operator", "op-1")) as operator:
            answer = operator.get(api.READY)

    assert closed
    assert answer.status_code == 200
    with connections(url, world, pair, 3) as again:
        assert all(_answers(one) for one in again), "what was closed counts no more"


def test_who_says_nothing_or_drips_is_let_go(
    url: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peer, "HEAD_S", 0.3)
    with connections(url, world, None, 2) as (silent, dripping):
        dripping.sendall(b"GET /v1/ready HTTP/1.1\r\nx: ")

        assert is_closed(silent)
        assert is_closed(dripping)


def _answers(connection: ssl.SSLSocket) -> bool:
    connection.sendall(b"GET /v1/ready HTTP/1.1\r\nhost: x\r\n\r\n")
    return connection.recv(8) == b"HTTP/1.1"


@pytest.mark.parametrize("name", ["Op-1", "op-1 ", "op-1\u200b", "\u043ep-1", "op 1", "op-1\n"])
def test_a_name_has_one_spelling(url: str, world: World, name: str) -> None:
    pair = kit.issue(world.service_ca, kit.name("operator", name), world.folder / "odd")

    with kit.caller(url, world, pair) as client:
        assert client.get(api.READY).status_code == 403


def test_an_endpoint_is_named_by_its_device(url: str, world: World) -> None:
    pair = kit.issue(world.device_ca, kit.name("endpoint", "refine", "demo"), world.folder / "odd")

    with kit.caller(url, world, pair) as client:
        assert client.get(f"{api.CONSENTS}/c-1").status_code == 403


def test_nobody_approves_what_they_will_read(services: Services) -> None:
    endpoint = story.enrol(services)
    wanted = services.grants.find(story.grant(services, endpoint, subscriber="op-4"))
    assert wanted is not None
    asked = rules.Held(
        grant=replace(wanted.grant, approvers=("op-2",), state="requested"), requester="op-1"
    )

    with pytest.raises(Refused):
        rules.approve(asked, "op-4")
    with pytest.raises(Refused) as refused:
        rules.check_grant(
            replace(asked, grant=replace(wanted.grant, approvers=("op-2", "op-4"))),
            "op-4", services.now_ms(),
        )  # fmt: skip
    assert refused.value.reason == api.NOT_APPROVED


@pytest.mark.parametrize("path", [api.PAUSE, api.RESUME])
@pytest.mark.parametrize("scope", ["dmeo", "device:" + "0" * 32])
def test_a_pause_of_what_is_not_there_is_no_success(
    services: Services, url: str, world: World, path: str, scope: str
) -> None:
    entries = services.log.head().size
    with kit.caller(url, world, world.certificate("operator", "op-1")) as operator:
        answer = operator.post(path, json={"groups": ["demo", scope]})

    assert answer.status_code == 404
    assert services.log.head().size == entries


def test_a_path_nearly_right_is_refused_and_not_redirected(url: str, world: World) -> None:
    with kit.caller(url, world) as nobody:
        assert nobody.get(api.READY + "/").status_code == 403


def test_a_token_of_strange_characters_is_a_bad_request(url: str, world: World) -> None:
    key, signing = kit.csr(ec.generate_private_key(ec.SECP256R1())), base64.b64encode(bytes(32))
    body = {"token": "\ud800", "signing_key": signing.decode(), "csr": key}
    with kit.caller(url, world) as nobody:
        answer = nobody.post(api.ENROL, content=json.dumps(body))

    assert answer.status_code == 400
