"""Who calls: the client certificate of the TLS connection, read once a connection.

uvicorn does not show it to the application, so its protocol is subclassed: ``scope["state"]`` of
every request of the connection carries a ``Peer`` or None. Chain, dates and purpose were checked by
the TLS library; here the name is read and the issuer looked at again: an endpoint is who the device
CA says, and the device CA names nobody else. A name has one spelling, since names are compared: who
approved a grant, whose grant it is.

Connections are bounded by caller, all without a certificate being one, so that nobody takes the
places of the others; and one that has not said what it wants in ``HEAD_S`` is closed.
"""

import asyncio
import re
import ssl
from collections import Counter
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509.oid import NameOID
from uvicorn.protocols.http.h11_impl import H11Protocol

STATE = "peer"
MOST = 64  # connections of one caller, and
MOST_STRANGERS = 128  # of all who show no certificate: they may only enrol
HEAD_S = 10.0
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_DEVICE = re.compile(r"[0-9a-f]{32}")


class Kind(Enum):
    """What sort of caller it is: the organisation of its certificate."""

    ENDPOINT = "endpoint"
    SERVICE = "service"
    SUBSCRIBER = "subscriber"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A caller with a certificate; ``unit`` is an endpoint's group."""

    kind: Kind
    name: str
    unit: str
    not_after_ms: int


def identify(der: bytes | None, device_ca: x509.Certificate) -> Peer | None:
    """Return who a verified certificate names, or None if it names nobody we know."""
    if der is None:
        return None
    try:
        certificate = x509.load_der_x509_certificate(der)
        kinds = _values(certificate, NameOID.ORGANIZATION_NAME)
        names = _values(certificate, NameOID.COMMON_NAME)
        units = _values(certificate, NameOID.ORGANIZATIONAL_UNIT_NAME)
    except ValueError:
        return None
    if len(kinds) != 1 or len(names) != 1 or kinds[0] not in {kind.value for kind in Kind}:
        return None
    kind = Kind(kinds[0])
    if not (_DEVICE if kind is Kind.ENDPOINT else _NAME).fullmatch(names[0]):
        return None
    if (kind is Kind.ENDPOINT) != _is_issued_by(certificate, device_ca):
        return None
    not_after_ms = int(certificate.not_valid_after_utc.timestamp() * 1000)
    unit = units[0] if len(units) == 1 else ""
    return Peer(kind=kind, name=names[0], unit=unit, not_after_ms=not_after_ms)


def protocol(device_ca: x509.Certificate) -> type[H11Protocol]:
    """Return uvicorn's HTTP/1.1 protocol with the peer in each request's state."""
    open_ones: Counter[tuple[Kind, str] | None] = Counter()

    class PeerProtocol(H11Protocol):
        _is_counted = False
        _caller: tuple[Kind, str] | None = None
        _deadline: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            tls = transport.get_extra_info("ssl_object")
            der = tls.getpeercert(binary_form=True) if tls is not None else None
            peer = identify(der, device_ca)
            # uvicorn copies this dictionary into the scope of each request.
            self.app_state = {**self.app_state, STATE: peer}
            self._caller = (peer.kind, peer.name) if peer else None
            self._is_counted = True
            open_ones[self._caller] += 1
            if open_ones[self._caller] > (MOST if peer else MOST_STRANGERS):
                transport.abort()
            self._watch()

        def connection_lost(self, exc: Exception | None) -> None:
            if self._is_counted:
                self._is_counted = False
                open_ones[self._caller] -= 1
                if not open_ones[self._caller]:
                    del open_ones[self._caller]
            if self._deadline is not None:
                self._deadline.cancel()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self._watch()

        def _watch(self) -> None:
            """Give a request that has begun until the deadline; more bytes do not extend it."""
            if not self._is_unasked():
                if self._deadline is not None:
                    self._deadline.cancel()
                self._deadline = None
            elif self._deadline is None:
                self._deadline = self.loop.call_later(HEAD_S, self._give_up)

        def _give_up(self) -> None:
            self._deadline = None
            if self._is_unasked():
                self.transport.abort()

        def _is_unasked(self) -> bool:
            return self.cycle is None or self.cycle.response_complete

        def shutdown(self) -> None:
            super().shutdown()
            if self.cycle is None or self.cycle.response_complete:
                # An idle client answers no TLS goodbye, and asyncio would wait for it.
                self.transport.abort()

    return PeerProtocol


def context(cert: Path, key: Path, client_ca: Path, device_ca: Path) -> ssl.SSLContext:
    """Return the server's TLS context: 1.3, a client certificate optional but never unverified."""
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.minimum_version = ssl.TLSVersion.TLSv1_3
    tls.load_cert_chain(cert, key)
    tls.load_verify_locations(client_ca)
    tls.load_verify_locations(device_ca)
    tls.verify_mode = ssl.CERT_OPTIONAL
    tls.num_tickets = 0  # a resumed session would outlive the certificate it began with
    return tls


def _values(certificate: x509.Certificate, oid: x509.ObjectIdentifier) -> list[str]:
    return [str(a.value) for a in certificate.subject.get_attributes_for_oid(oid)]


def _is_issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True
