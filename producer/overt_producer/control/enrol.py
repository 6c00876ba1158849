"""Enrolment: two keys are made here, a one-time token turns them into a device.

The signing key never leaves the machine; the transport key neither, only its certificate request
does. The identity file is written last: half an enrolment is none and may be tried again.
"""

import base64
import binascii
import shutil
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from overt_producer.control.authority import AuthorityClient, trusting
from overt_producer.control.board import KEYSET, POLICY, Board
from overt_producer.home import Enrolled, Home
from overt_schemas import codec
from overt_schemas.catalogue import schema_by_id
from overt_schemas.errors import Malformed, Permanent
from overt_schemas.records import KeySet, Policy, Signed
from overt_schemas.signing import Keyring, SigningKey, open_record


def enrol(home: Home, url: str, ca: Path, token: str) -> Enrolled:
    """Return who this endpoint is now.

    Raises:
        Permanent: enrolled already, a refused token, or an answer that does not hold together.
        Transient: the authority does not answer; the token is not spent.
    """
    if home.file("identity.json").exists():
        raise Permanent(f"{home.path} is enrolled already", reason="enrolled")
    context = trusting(str(ca))
    home.path.mkdir(mode=0o700, parents=True, exist_ok=True)
    home.path.chmod(0o700)
    # An answer that got lost is asked for again with the same keys: the authority knows them.
    if not home.file("signing.key").exists():
        home.write("signing.key", SigningKey.generate("new").seed().hex() + "\n")
    if not home.file("transport.key").exists():
        home.write("transport.key", new_transport_key())
    signing = SigningKey("new", bytes.fromhex(home.file("signing.key").read_text("ascii").strip()))
    client = AuthorityClient(url, context)
    try:
        public = base64.b64encode(signing.public_bytes()).decode()
        answer = client.enrol(token, public, request_of(home))
    finally:
        client.close()
    shutil.copyfile(ca, home.file("authority-ca.pem"))
    home.file("authority-ca.pem").chmod(0o600)
    return _settle(home, url, answer)


def _settle(home: Home, url: str, answer: dict[str, Any]) -> Enrolled:
    try:
        root = _root(answer["root_key"])
        enrolled = Enrolled(
            device=bytes.fromhex(answer["device"]).hex(), person=answer["person"],
            group=answer["group"], bootstrap=answer["bootstrap"], authority=url,
            root_key=root.hex(),
        )  # fmt: skip
        home.write("tag.secret", base64.b64decode(answer["tag_secret"]).hex() + "\n")
        home.write("transport.pem", answer["certificate"])
        home.write("broker-ca.pem", answer["broker_ca"])
        _pin(home, root, *(base64.b64decode(answer[name]) for name in ("keyset", "policy")))
    except (KeyError, TypeError, ValueError, binascii.Error) as exc:
        raise Malformed("the authority's answer to the enrolment is incomplete: both sides must "
                        "be of one version", reason="enrolment") from exc  # fmt: skip
    home.write_enrolled(enrolled)
    return enrolled


def _pin(home: Home, root: bytes, keyset: bytes, policy: bytes) -> None:
    """Put the first key set and policy on the board; capture verifies them again."""
    keys = codec.decode(keyset, Signed)
    Keyring(root=root).accept(keys)
    board = Board(home.control)
    board.pin(KEYSET, open_record(keys, root, KeySet).version, "keyset", keyset)
    signed = codec.decode(policy, Signed)
    rules: Policy = codec.unpack_by(schema_by_id(signed.schema), signed.body)
    board.pin(POLICY, rules.version, rules.group, policy)
    board.close()


def _root(text: str) -> bytes:
    """Return the root's 32 bytes, written as hex or as base64."""
    raw = bytes.fromhex(text) if len(text) == 64 else base64.b64decode(text)
    if len(raw) != 32:
        raise ValueError("a root key has 32 bytes")
    return raw


def new_transport_key() -> str:
    """Return a new P-256 key as PEM: what every TLS stack on the way supports."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()  # fmt: skip


def request_of(home: Home) -> str:
    """Return a certificate request for the transport key; the authority decides the name."""
    try:
        key = serialization.load_pem_private_key(home.file("transport.key").read_bytes(), None)
    except (OSError, ValueError, TypeError) as exc:
        raise Malformed("transport.key is broken: enrol again", reason="identity") from exc
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise Malformed("transport.key is of another kind: enrol again", reason="identity")
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "endpoint")])
    request = x509.CertificateSigningRequestBuilder().subject_name(name)
    signed = request.sign(key, hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM).decode()
