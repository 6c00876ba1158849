"""The key server's side of a topology: policies and login roles, as the reconciler.

The reconciler logs in with a token it signs itself, may write policies and roles other than its
own, and can open nothing: it has no right on any key.
"""

import base64
import json
import ssl
import time
from types import TracebackType
from typing import Any, Self

import httpx
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from overt_ops.topology.connection import KeyServer
from overt_ops.topology.model import AUDIENCE, Keyring
from overt_schemas.errors import Permanent, Transient

RECONCILER = "reconcile"
_TOKEN_LIFE_S = 60


def login_token(pem: bytes, subject: str, now_s: int) -> str:
    """Return an ES256 token for the key server, good for a minute."""
    key = serialization.load_pem_private_key(pem, None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise Permanent("the key server's login key is not P-256", reason="login_key")
    claims = {
        "iss": "overt",
        "aud": AUDIENCE,
        "sub": subject,
        "iat": now_s,
        "exp": now_s + _TOKEN_LIFE_S,
    }
    head = _segment({"alg": "ES256", "typ": "JWT"}) + b"." + _segment(claims)
    r, s = decode_dss_signature(key.sign(head, ec.ECDSA(hashes.SHA256())))
    return (head + b"." + _b64(r.to_bytes(32, "big") + s.to_bytes(32, "big"))).decode()


def _segment(value: dict[str, object]) -> bytes:
    return _b64(json.dumps(value, separators=(",", ":")).encode())


def _b64(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def role_document(name: str) -> dict[str, object]:
    """Return the login role of a principal: its own token, a quarter of an hour, one policy."""
    return {
        "role_type": "jwt",
        "user_claim": "sub",
        "bound_audiences": [AUDIENCE],
        "token_policies": [name],
        "token_ttl": 900,
        "token_max_ttl": 3600,
        "token_no_default_policy": True,
    }


class Keys:
    """A session at the key server."""

    def __init__(self, door: KeyServer) -> None:
        self._door = door
        context = ssl.create_default_context(cafile=str(door.ca))
        self._http = httpx.Client(
            base_url=f"{door.url}/v1/", verify=context, timeout=10, trust_env=False
        )

    def __enter__(self) -> Self:
        token = login_token(self._door.jwt_key.read_bytes(), RECONCILER, int(time.time()))
        mount = Keyring.mount_of(RECONCILER)
        answer = self._call("POST", f"auth/{mount}/login", {"role": RECONCILER, "jwt": token})
        self._http.headers["X-Vault-Token"] = answer["auth"]["client_token"]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.close()

    def _call(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        try:
            answer = self._http.request(method, path, json=body)
        except httpx.HTTPError as exc:
            raise Transient(f"key server: {exc}", reason="key_server") from exc
        if answer.status_code == httpx.codes.NOT_FOUND:
            return {}
        if answer.is_error:
            raise Permanent(
                f"key server answers {answer.status_code} to {method} {path}: "
                "look into logs/bao.log of the state directory",
                reason="key_server",
            )
        found: dict[str, Any] = answer.json() if answer.content else {}
        return found

    def policies(self, keyring: Keyring) -> dict[str, str]:
        """Return the text of each declared policy that exists."""
        found = {}
        for role in keyring.roles:
            answer = self._call("GET", f"sys/policies/acl/{role}")
            if answer:
                found[role] = str(answer["data"]["policy"])
        return found

    def roles(self, keyring: Keyring) -> frozenset[str]:
        """Return the declared roles that exist and say what they should."""
        return frozenset(role for role in keyring.roles if self._is_right(role))

    def _is_right(self, role: str) -> bool:
        answer = self._call("GET", f"auth/{Keyring.mount_of(role)}/role/{role}")
        if not answer:
            return False
        return all(answer["data"].get(k) == v for k, v in role_document(role).items())

    def set_role(self, keyring: Keyring, role: str) -> None:
        """Write a policy, and the role that carries it."""
        self._call("PUT", f"sys/policies/acl/{role}", {"policy": keyring.policy(role)})
        path = f"auth/{Keyring.mount_of(role)}/role/{role}"
        self._call("PUT", path, role_document(role))
