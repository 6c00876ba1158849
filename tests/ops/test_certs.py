"""Names as the broker's mapping rules read them, and two authorities that do not mix."""

import re
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.x509.oid import NameOID
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from overt_ops.devstack import certs, cluster
from overt_ops.devstack.certs import Kind, subject
from overt_ops.devstack.layout import Layout

BROKER = cluster.Node(number=1, brokers=1)


def principal(rules: str, name: x509.Name) -> str:
    """The broker's own way: the first rule whose pattern matches the printed name."""
    printed = name.rfc4514_string()
    for rule in re.findall(r"RULE:(.*?)/(.*?)/(?:,|$)", rules):
        if match := re.fullmatch(rule[0].strip("^$"), printed):
            return match.expand(rule[1].replace("$", "\\"))
    raise AssertionError(f"no rule takes {printed}")


def endpoint_rules() -> str:
    return _property("listener.name.mtls.ssl.principal.mapping.rules")


def broker_rules() -> str:
    return _property("ssl.principal.mapping.rules")


def _property(key: str) -> str:
    ports = dict.fromkeys(cluster.port_names(1), 1)
    text = cluster.properties(cluster.places(Layout(state=Path("/s")), BROKER), BROKER, ports)
    return next(line for line in text.splitlines() if line.startswith(f"{key}=")).split("=", 1)[1]


def named(*parts: tuple[x509.ObjectIdentifier, str]) -> x509.Name:
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in parts])


ORG, UNIT, CN = NameOID.ORGANIZATION_NAME, NameOID.ORGANIZATIONAL_UNIT_NAME, NameOID.COMMON_NAME


def test_a_device_certificate_becomes_its_class() -> None:
    name = subject(Kind.ENDPOINT, "0f" * 16, "demo")

    assert principal(endpoint_rules(), name) == "endpoint.demo"


def test_the_brokers_certificate_becomes_the_super_user() -> None:
    assert principal(broker_rules(), subject(Kind.BROKER, BROKER.principal)) == BROKER.principal


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(subject(Kind.BROKER, "broker-1"), id="a broker's name"),
        pytest.param(subject(Kind.SERVICE, "refine"), id="a service's name"),
        pytest.param(named((CN, "ab"), (UNIT, "demo"), (ORG, "endpoint")), id="wrong order"),
        pytest.param(
            named((ORG, "endpoint"), (UNIT, "a"), (UNIT, "b"), (CN, "ab")), id="two groups"
        ),
        pytest.param(
            named((ORG, "x"), (CN, "ab,OU=demo,O=endpoint")), id="a whole name inside a name"
        ),
    ],
)
def test_any_other_name_on_the_endpoints_door_is_nobody(name: x509.Name) -> None:
    assert principal(endpoint_rules(), name) == "nobody"


@pytest.mark.parametrize("kind", [Kind.SERVICE, Kind.OPERATOR, Kind.SUBSCRIBER])
def test_a_services_certificate_is_nobody_on_the_brokers_door(kind: Kind) -> None:
    assert principal(broker_rules(), subject(kind, "broker-1")) == "nobody"


def test_a_device_is_not_trusted_where_services_are() -> None:
    services, devices = certs.new_issuer("services"), certs.new_issuer("devices")
    issued = certs.issue(devices, subject(Kind.ENDPOINT, "ab", "demo"))
    leaf = x509.load_pem_x509_certificate(issued.cert)
    verifier = PolicyBuilder().store(Store([services.cert])).build_client_verifier()

    with pytest.raises(VerificationError):
        verifier.verify(leaf, [])


def test_what_was_made_is_kept_and_private(tmp_path: Path) -> None:
    issuer = certs.ensure_issuer(tmp_path / "ca", "service")
    folder = tmp_path / "p" / "authority"
    certs.ensure_issued(issuer, folder, subject(Kind.SERVICE, "authority"), server=True)
    before = (folder / "cert.pem").read_bytes()

    certs.ensure_issued(issuer, folder, subject(Kind.SERVICE, "authority"), server=True)

    assert (folder / "cert.pem").read_bytes() == before
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert (tmp_path / "ca" / "service.key").stat().st_mode & 0o777 == 0o600
    context = ssl.create_default_context(cafile=str(tmp_path / "ca" / "service.crt"))
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")


def test_the_root_is_a_pair_of_raw_keys_and_stays(tmp_path: Path) -> None:
    private, public = tmp_path / "root.key", tmp_path / "root.pub"
    certs.ensure_root(private, public)
    first = public.read_text()

    certs.ensure_root(private, public)

    key = ed25519.Ed25519PrivateKey.from_private_bytes(bytes.fromhex(private.read_text()))
    assert key.public_key().public_bytes_raw().hex() == first.strip() == public.read_text().strip()
