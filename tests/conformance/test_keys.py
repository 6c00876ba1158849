"""One promise of the root, kept by a file and by a real OpenBao."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from overt_authority.keys.bao import BaoRoot
from overt_authority.keys.root import FileRoot, KeyService
from overt_schemas import hpke
from overt_schemas.errors import Malformed, Permanent, Transient, Untrusted
from overt_schemas.testing import FakeClock
from tests.authority import bao_server, kit
from tests.authority.bao_server import Bao

WEEK_S = 7 * 24 * 3600
CONTEXT = b"overt person key|p-1|k-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """A key service and the clock that tells it the week."""

    service: KeyService
    clock: FakeClock


@pytest.fixture(scope="module")
def bao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bao]:
    with bao_server.running(tmp_path_factory.mktemp("bao")) as server:
        yield server


def at_bao(bao: Bao, clock: FakeClock) -> BaoRoot:
    return BaoRoot(bao.url, bao.ca, "authority", bao.jwt_key, clock)


@pytest.fixture(params=["file", "bao"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Root]:
    clock = FakeClock()
    if request.param == "file":
        (tmp_path / "roots").mkdir()
        yield Root(service=FileRoot(tmp_path / "roots", clock), clock=clock)
        return
    service = at_bao(request.getfixturevalue("bao"), clock)
    yield Root(service=service, clock=clock)
    service.close()


@pytest.mark.parametrize("secret", [b"", bytes(32), bytes(range(256)) * 8], ids=len)
def test_what_is_wrapped_comes_back(root: Root, secret: bytes) -> None:
    secret = secret or hpke.PrivateKey.generate().to_bytes()

    wrapped = root.service.wrap(secret, CONTEXT)

    assert root.service.unwrap(wrapped, CONTEXT) == secret
    assert secret not in wrapped


def test_a_wrap_opens_in_its_own_context_only(root: Root) -> None:
    wrapped = root.service.wrap(bytes(32), CONTEXT)

    with pytest.raises(Untrusted):
        root.service.unwrap(wrapped, b"overt person key|p-2|k-1")


def test_changed_bytes_do_not_open(root: Root) -> None:
    wrapped = bytearray(root.service.wrap(bytes(32), CONTEXT))
    wrapped[-3] ^= 1

    with pytest.raises(Permanent):
        root.service.unwrap(bytes(wrapped), CONTEXT)


def test_the_same_secret_never_wraps_to_the_same_bytes(root: Root) -> None:
    assert root.service.wrap(bytes(32), CONTEXT) != root.service.wrap(bytes(32), CONTEXT)


def test_a_wrap_names_its_week_and_opens_in_later_ones(root: Root) -> None:
    secret = secrets.token_bytes(32)
    first = root.service.wrap(secret, CONTEXT)

    root.clock.advance(WEEK_S)
    second = root.service.wrap(secret, CONTEXT)

    names = [wrapped.split(b":")[0] for wrapped in (first, second)]
    assert names == [b"overt-root-2025-W48", b"overt-root-2025-W49"]
    assert root.service.unwrap(first, CONTEXT) == root.service.unwrap(second, CONTEXT) == secret


def test_a_wrap_of_a_root_that_never_was_does_not_open(root: Root) -> None:
    rest = root.service.wrap(bytes(32), CONTEXT).partition(b":")[2]

    with pytest.raises(Permanent):
        root.service.unwrap(b"overt-root-1999-W01:" + rest, CONTEXT)


@pytest.mark.parametrize(
    "wrapped", [b"", b"x", b"overt-root-2025-W48", b"../../sys/x:y", b"overt-root-2025-W48/..:y"]
)
def test_bytes_that_name_no_root_are_refused_before_anything_is_asked(
    root: Root, wrapped: bytes
) -> None:
    with pytest.raises(Malformed):
        root.service.unwrap(wrapped, CONTEXT)


def test_it_answers(root: Root) -> None:
    root.service.check()


def test_a_destroyed_epoch_opens_nothing(tmp_path: Path) -> None:
    service = FileRoot(tmp_path, FakeClock())
    wrapped = service.wrap(bytes(32), CONTEXT)

    service.destroy("overt-root-2025-W48")

    with pytest.raises(Untrusted):
        service.unwrap(wrapped, CONTEXT)


def test_a_second_process_uses_the_same_root(tmp_path: Path) -> None:
    wrapped = FileRoot(tmp_path, FakeClock()).wrap(bytes(32), CONTEXT)

    assert FileRoot(tmp_path, FakeClock()).unwrap(wrapped, CONTEXT) == bytes(32)
    assert {path.stat().st_mode & 0o077 for path in tmp_path.iterdir()} == {0}


def test_a_killed_openbao_is_a_matter_of_time_and_comes_back(tmp_path: Path) -> None:
    with bao_server.running(tmp_path) as bao:
        service = at_bao(bao, FakeClock())
        wrapped = service.wrap(bytes(32), CONTEXT)
        bao.stop()

        with pytest.raises(Transient):
            service.unwrap(wrapped, CONTEXT)
        with pytest.raises(Transient):
            service.check()
        bao.start()

        assert service.unwrap(wrapped, CONTEXT) == bytes(32)
        service.close()


def test_somebody_elses_key_does_not_log_in(bao: Bao, tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric import ec

    other = kit.secret(
        tmp_path / "jwt.pem", kit.private_pem(ec.generate_private_key(ec.SECP256R1()))
    )
    service = BaoRoot(bao.url, bao.ca, "authority", other, FakeClock())

    with pytest.raises(Permanent):
        service.wrap(bytes(32), CONTEXT)
    service.close()


def test_another_ca_is_not_trusted(bao: Bao, tmp_path: Path) -> None:
    strange = kit.new_ca(tmp_path, "service")
    service = BaoRoot(bao.url, strange.cert_path, "authority", bao.jwt_key, FakeClock())

    with pytest.raises(Transient):
        service.check()
    service.close()
