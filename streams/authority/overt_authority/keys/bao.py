"""The root in OpenBao: the transit engine over HTTPS.

The authority logs in with a short token it signs itself (ES256), so no secret is shared. Its policy
lets it create and read ``transit/keys/*`` and update ``transit/encrypt/*`` and ``decrypt/*``: with
``create`` on encrypt a destroyed key would silently come back as a new one.
"""

import base64
import ssl
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import jwt

from overt_authority.keys.root import root_name, split
from overt_schemas.clock import Clock
from overt_schemas.errors import Permanent, Transient, Untrusted

_MOUNT = "jwt"
_AUDIENCE = "openbao"
_JWT_LIFE_S = 60
_RENEW_AT = 0.5  # of a token's life: a restart of the server has the other half to end
_TIMEOUT_S = 5.0


class BaoRoot:
    """A logged-in client; may be used by several threads."""

    def __init__(self, url: str, ca: Path, role: str, jwt_key: Path, clock: Clock) -> None:
        context = ssl.create_default_context(cafile=str(ca))
        self._client = httpx.Client(
            base_url=f"{url.rstrip('/')}/v1",
            verify=context,
            timeout=_TIMEOUT_S,
            trust_env=False,  # neither a proxy nor a .netrc that other programs could set
        )
        self._role, self._jwt_key, self._clock = role, jwt_key, clock
        self._login_lock = threading.Lock()
        self._token, self._renew_at = "", 0.0
        self._known: set[str] = set()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def wrap(self, secret: bytes, context: bytes) -> bytes:
        """Return ``secret`` wrapped under the root of this week, made at its first use."""
        name = root_name(self._clock.wall_us() // 1000)
        self._ensure(name)
        body = {"plaintext": _text(secret), "associated_data": _text(context)}
        answer = self._call("POST", f"/transit/encrypt/{name}", body)
        if answer.status_code != httpx.codes.OK:
            raise Permanent(f"OpenBao refuses to encrypt: {answer.status_code}", reason="keys")
        return f"{name}:{answer.json()['data']['ciphertext']}".encode()

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """Return the secret."""
        name, rest = split(wrapped)
        body = {"ciphertext": rest.decode("ascii", "replace"), "associated_data": _text(context)}
        answer = self._call("POST", f"/transit/decrypt/{name}", body)
        if answer.status_code in (httpx.codes.BAD_REQUEST, httpx.codes.NOT_FOUND):
            raise Untrusted("a wrap does not open under its root key", reason="wrap")
        if answer.status_code != httpx.codes.OK:
            raise Permanent(f"OpenBao refuses to decrypt: {answer.status_code}", reason="keys")
        return base64.b64decode(answer.json()["data"]["plaintext"])

    def check(self) -> None:
        """Return if OpenBao is unsealed and lets the authority in."""
        answer = self._call("GET", f"/transit/keys/{root_name(self._clock.wall_us() // 1000)}")
        if answer.status_code not in (httpx.codes.OK, httpx.codes.NOT_FOUND):
            raise Transient(f"OpenBao answers {answer.status_code}", reason="keys")

    def _ensure(self, name: str) -> None:
        """Make an epoch's root key. Making one that is there needs a right we do not have."""
        if name in self._known:
            return
        path = f"/transit/keys/{name}"
        if self._call("GET", path).status_code == httpx.codes.NOT_FOUND:
            self._call("POST", path, {"type": "aes256-gcm96"})
            if self._call("GET", path).status_code != httpx.codes.OK:
                raise Permanent("OpenBao makes no root key: check its policy", reason="keys")
        self._known.add(name)

    def _call(
        self, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> httpx.Response:
        answer = self._send(method, path, body, self._login())
        if answer.status_code == httpx.codes.FORBIDDEN:
            # A token may have been revoked, or have died with a server that was restored.
            answer = self._send(method, path, body, self._login(again=True))
        return answer

    def _send(
        self, method: str, path: str, body: Mapping[str, Any] | None, token: str
    ) -> httpx.Response:
        headers = {"X-Vault-Token": token} if token else {}
        try:
            answer = self._client.request(method, path, json=body, headers=headers)
        except httpx.TransportError as exc:
            raise Transient("OpenBao does not answer", reason="keys") from exc
        if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            raise Transient(f"OpenBao answers {answer.status_code}", reason="keys")
        return answer

    def _login(self, *, again: bool = False) -> str:
        with self._login_lock:
            if again or not self._token or time.monotonic() >= self._renew_at:
                body = {"role": self._role, "jwt": self._own_token()}
                answer = self._send("POST", f"/auth/{_MOUNT}/login", body, "")
                if answer.status_code != httpx.codes.OK:
                    raise Permanent(
                        f"OpenBao refuses the login: {answer.status_code}", reason="keys"
                    )
                auth = answer.json()["auth"]
                self._token = str(auth["client_token"])
                self._renew_at = time.monotonic() + _RENEW_AT * float(auth["lease_duration"])
            return self._token

    def _own_token(self) -> str:
        # Wall time of the machine, not of the clock argument: OpenBao compares it with its own.
        now = int(time.time())
        claims = {
            "iss": "overt-authority", "sub": self._role, "aud": _AUDIENCE,
            "iat": now, "exp": now + _JWT_LIFE_S,
        }  # fmt: skip
        return jwt.encode(claims, self._jwt_key.read_text("utf-8"), "ES256")


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
