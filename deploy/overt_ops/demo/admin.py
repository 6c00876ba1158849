"""What operators ask of the authority, over its HTTPS interface, each as themselves."""

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from overt_schemas import api
from overt_schemas.errors import Refused, Transient

# A grant needs two approvers, neither of whom asked for it.
REQUESTER, APPROVERS = "ops", ("approver-1", "approver-2")


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Where the authority listens, and the folder with a principal's cert.pem and key.pem."""

    url: str
    ca: Path
    principal: Path

    def client(self) -> httpx.Client:
        """Return a client that shows the principal's certificate; the caller closes it."""
        # A context of our own: given a path, httpx 0.28 verifies by it and forgets the certificate.
        tls = ssl.create_default_context(cafile=str(self.ca))
        tls.load_cert_chain(self.principal / "cert.pem", self.principal / "key.pem")
        return httpx.Client(base_url=self.url, verify=tls, timeout=20, trust_env=False)

    def as_principal(self, name: str) -> "Door":
        """Return the same door for another principal."""
        return Door(url=self.url, ca=self.ca, principal=self.principal.parent / name)


def call(door: Door, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """Return the JSON answer.

    Raises:
        Refused: 4xx, with the authority's code as the reason.
        Transient: no answer, or 5xx.
    """
    try:
        with door.client() as client:
            answer = client.request(method, path, json=body)
    except httpx.TransportError as exc:
        raise Transient("the authority does not answer: stream-ops dev status") from exc
    if answer.status_code >= 500:
        raise Transient(f"the authority answers {answer.status_code} to {path}")
    if answer.status_code >= 400:
        code = answer.json().get("error", "refused")
        raise Refused(f"the authority refuses {path}: {code}", reason=code)
    return answer.json()


def tokens(door: Door, group: str, count: int) -> list[str]:
    """Return one-time enrolment tokens, each for a new pseudonym of ``group``."""
    answer = call(
        door.as_principal(REQUESTER), "POST", api.TOKENS, {"group": group, "count": count}
    )
    return list(answer["tokens"])


def grant(
    door: Door, subscriber: str, purpose: str, cohort: Sequence[str], life_ms: tuple[int, int]
) -> str:
    """Return the id of an active grant on ``cohort`` (pseudonyms, or ``group:<name>``)."""
    asked = {
        "subscriber": subscriber, "purpose": purpose, "cohort": list(cohort),
        "streams": [0, 1], "not_before_ms": life_ms[0], "not_after_ms": life_ms[1],
    }  # fmt: skip
    answer = call(door.as_principal(REQUESTER), "POST", api.GRANTS, asked)
    approve(door, answer["grant"], APPROVERS)
    return str(answer["grant"])


def approve(door: Door, grant_id: str, approvers: Sequence[str]) -> None:
    """Let each of the operators approve."""
    for name in approvers:
        call(door.as_principal(name), "POST", f"{api.GRANTS}/{grant_id}/approve", {})
