"""The authority's HTTPS calls that an endpoint makes: enrol, renew, ask about a consent."""

import ssl
from typing import Any

import httpx

from overt_producer.home import Home
from overt_schemas import api
from overt_schemas.errors import Malformed, Refused, Transient

TIMEOUT_S = 10.0


def trusting(ca: str) -> ssl.SSLContext:
    """Return a client context that trusts one CA file and nothing else."""
    try:
        return ssl.create_default_context(cafile=ca)
    except (OSError, ssl.SSLError) as exc:
        raise Malformed(f"{ca} is no certificate: give the authority's CA as PEM",
                        reason="ca") from exc  # fmt: skip


class AuthorityClient:
    """One endpoint's connection, made anew for each certificate."""

    def __init__(self, url: str, context: ssl.SSLContext) -> None:
        self._client = httpx.Client(
            base_url=url, verify=context, timeout=TIMEOUT_S, trust_env=False
        )

    @classmethod
    def of(cls, home: Home) -> "AuthorityClient":
        """Return the client of an enrolled endpoint, with its certificate as it is now."""
        context = trusting(str(home.file("authority-ca.pem")))
        try:
            context.load_cert_chain(home.file("transport.pem"), home.file("transport.key"))
        except OSError as exc:
            raise Malformed("transport.pem and transport.key do not fit: enrol again",
                            reason="identity") from exc  # fmt: skip
        return cls(home.enrolled().authority, context)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def enrol(self, token: str, signing_key: str, csr: str) -> dict[str, Any]:
        """Spend a one-time token and return who this endpoint now is."""
        body = {"token": token, "signing_key": signing_key, "csr": csr}
        return self._call("POST", api.ENROL, body)

    def certificate(self, csr: str) -> str:
        """Return a fresh certificate for the same device."""
        fresh = self._call("POST", api.CERTIFICATE, {"csr": csr}).get("certificate")
        if not isinstance(fresh, str):
            raise Malformed("the authority's answer holds no certificate", reason="authority")
        return fresh

    def is_registered(self, consent: str) -> bool:
        """Return whether the authority has published a consent."""
        return bool(self._call("GET", f"{api.CONSENTS}/{consent}").get("registered"))

    def _call(self, verb: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        try:
            answer = self._client.request(verb, path, json=body)
        except httpx.HTTPError as exc:
            raise Transient(
                f"the authority at {self._client.base_url} does not answer: check URL, CA and "
                "network",
                reason="authority",
            ) from exc
        if answer.status_code == 403:
            code = _field(answer, "error")
            raise Refused(f"the authority refused ({code}): {_field(answer, 'detail')}",
                          reason=code)  # fmt: skip
        if answer.status_code == 404:
            return {}
        if answer.status_code >= 500:
            raise Transient("the authority cannot answer now: try again", reason="authority")
        try:
            value = answer.json()
        except ValueError as exc:
            raise Malformed("the authority's answer is not JSON", reason="authority") from exc
        if answer.status_code != 200 or not isinstance(value, dict):
            raise Malformed(f"the authority answered {answer.status_code}", reason="authority")
        return value


def _field(answer: httpx.Response, name: str) -> str:
    try:
        return str(answer.json().get(name, ""))
    except (ValueError, AttributeError):
        return ""
