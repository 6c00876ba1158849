"""Keys are believed only if the root's key set names them."""

import base64
import datetime
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from overt_processors.keys import CLOSED, accept, fetch, obtain
from overt_processors.settings import Authority
from overt_schemas import hpke
from overt_schemas.errors import OvertError, Permanent, Transient
from overt_schemas.signing import Keyring, SigningKey
from tests.processors.twin import answer
from tests.processors.world import START_MS, World

NOBODY = Authority(
    url="https://127.0.0.1:1", ca=Path("-"), cert=Path("-"), key=Path("-"), root_key=Path("-")
)


def ring(world: World) -> Keyring:
    return world.registries().keyring


def test_keys_that_the_key_set_names_are_taken() -> None:
    world = World()

    keys = accept(answer(world), ring(world), START_MS)

    assert set(keys.epochs) == {world.scripted.processor_key}
    assert keys.signer.public_bytes() == world.signer.public_bytes()


def test_a_signing_key_that_no_reader_would_trust_is_not_used() -> None:
    world = World()
    world.signer = SigningKey.generate("sign-1")
    stranger = World()

    with pytest.raises(Transient):
        accept({**answer(world), "signing": answer(stranger)["signing"]}, ring(world), START_MS)


def test_a_signing_key_of_another_name_is_not_used() -> None:
    world = World()
    given = answer(world)
    given["signing"]["key_id"] = "sign-9"

    with pytest.raises(Transient):
        accept(given, ring(world), START_MS)


def test_an_epoch_key_under_anothers_name_is_left_out() -> None:
    world = World()
    given = answer(world)
    other = base64.b64encode(hpke.PrivateKey.generate().to_bytes()).decode()
    given["epochs"] += [{**given["epochs"][0], "key_id": "authority-1"}]
    false = {"epochs": [{**given["epochs"][0], "private": other}], "signing": given["signing"]}

    assert set(accept(given, ring(world), START_MS).epochs) == {world.scripted.processor_key}
    with pytest.raises(Transient):
        accept(false, ring(world), START_MS)


@pytest.mark.parametrize(
    "change",
    [
        {"signing": {}}, {"signing": None}, {"epochs": None}, {"epochs": [{"key_id": "x"}]},
        {"epochs": [{"key_id": "x", "private": "??"}]},
    ],
)  # fmt: skip
def test_an_answer_to_another_question_is_refused(change: dict[str, Any]) -> None:
    world = World()

    with pytest.raises(Permanent):
        accept({**answer(world), **change}, ring(world), START_MS)


def test_the_authority_is_asked_until_it_answers_with_growing_waits() -> None:
    world, waits = World(), list[float]()
    down = Transient("down")
    asked: Iterator[Transient | dict[str, Any]] = iter([down, down, answer(world)])

    def ask(_authority: Authority) -> Mapping[str, Any]:
        value = next(asked)
        if isinstance(value, Transient):
            raise value
        return value

    keys = obtain(NOBODY, lambda: ring(world), lambda: START_MS, waits.append, ask)

    assert keys.signer.key_id == "sign-1"
    assert len(waits) == 2


def test_a_refusal_is_not_asked_again() -> None:
    world = World()

    def ask(_authority: Authority) -> Mapping[str, Any]:
        raise Permanent("no", reason="not_authorised")

    with pytest.raises(Permanent):
        obtain(NOBODY, lambda: ring(world), lambda: START_MS, lambda _s: None, ask)


def asking(reasons: list[str]) -> tuple[World, list[float], Any]:
    """Return a world, its waits, and an authority that fails like this before it answers."""
    world, waits, left = World(), list[float](), list(reasons)

    def ask(_authority: Authority) -> Mapping[str, Any]:
        if left:
            raise Transient("no", reason=left.pop(0))
        return answer(world)

    return world, waits, ask


def test_an_authority_that_closes_every_connection_refuses_the_certificate() -> None:
    world, waits, ask = asking([CLOSED] * 3)

    with pytest.raises(Permanent, match="in force") as refused:
        obtain(NOBODY, lambda: ring(world), lambda: START_MS, waits.append, ask)

    assert refused.value.reason == "not_authorised"
    assert len(waits) == 2


def test_an_authority_that_dies_now_and_then_is_waited_for() -> None:
    world, waits, ask = asking([CLOSED, CLOSED, "authority_down", CLOSED, CLOSED])

    obtain(NOBODY, lambda: ring(world), lambda: START_MS, waits.append, ask)

    assert len(waits) == 5


@pytest.fixture
def pki(tmp_path: Path) -> Authority:
    """A door of TLS that wants clients of an authority that is not ours."""
    make(tmp_path)
    return Authority(
        url="", ca=tmp_path / "server.pem", cert=tmp_path / "client.pem",
        key=tmp_path / "client.key", root_key=Path("-"),
    )  # fmt: skip


def make(folder: Path) -> None:
    """Write self-signed certificates: the server's, and two clients'."""
    for name in ("server", "client", "other"):
        key = ec.generate_private_key(ec.SECP256R1())
        who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.datetime.now(datetime.UTC)
        hosts = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        made = (
            x509.CertificateBuilder().subject_name(who).issuer_name(who)
            .public_key(key.public_key()).serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(hours=1))
            .add_extension(hosts, critical=False).sign(key, hashes.SHA256())
        )  # fmt: skip
        pem = serialization.Encoding.PEM
        (folder / f"{name}.pem").write_bytes(made.public_bytes(pem))
        form, none = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        (folder / f"{name}.key").write_bytes(key.private_bytes(pem, form, none))


@contextmanager
def door(folder: Path) -> Iterator[str]:
    """A server that trusts the certificate `other` and nobody else."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(folder / "other.pem")

    def serve(listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                link, _ = listener.accept()
                with link, suppress(OSError), context.wrap_socket(link, server_side=True) as tls:
                    tls.recv(1)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        yield f"https://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def test_a_certificate_refused_by_tls_is_told_from_an_authority_that_is_away(
    pki: Authority, tmp_path: Path
) -> None:
    with door(tmp_path) as url, pytest.raises(OvertError) as refused:
        fetch(pki.model_copy(update={"url": url}))

    assert refused.value.reason in ("not_authorised", CLOSED)


def test_an_authority_with_a_certificate_of_another_ca_is_not_asked_again(
    pki: Authority, tmp_path: Path
) -> None:
    with door(tmp_path) as url, pytest.raises(Permanent, match="our CA") as refused:
        fetch(pki.model_copy(update={"url": url, "ca": tmp_path / "other.pem"}))

    assert refused.value.reason == "not_authorised"
