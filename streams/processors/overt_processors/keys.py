"""The processors' keys: asked of the authority over mTLS, held in memory only.

The authority writes a log entry before it answers, so it is asked once a start and once for each
newer key set, never in a loop over records. Keys are believed only if the key set that the root
signed names them: a part signed by a key that no reader trusts would be lost work.
"""

import base64
import binascii
import ssl
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from overt_processors import telemetry
from overt_processors.backoff import Backoff
from overt_processors.core.opening import Keys
from overt_processors.settings import Authority
from overt_schemas import api, hpke
from overt_schemas.errors import OvertError, Permanent, Transient
from overt_schemas.signing import PROCESSOR_SEAL, PROCESSOR_SIGN, Keyring, SigningKey

_TIMEOUT_S = 5.0
_SEED_BYTES = 32
_REFUSED = range(400, 500)
# A server that refuses our certificate may close without a word (TLS 1.3 lets a client believe that
# its handshake is done). One that dies does so once, and then does not listen.
CLOSED, _CLOSED_IN_A_ROW = "authority_closed", 3


def accept(answer: Mapping[str, Any], keyring: Keyring, now_ms: int) -> Keys:
    """Return the keys in an answer of the authority, if the key set names them.

    Raises:
        Permanent: not an answer to this question.
        Transient: keys that the key set does not name (yet).
    """
    try:
        signing, epochs = answer["signing"], answer["epochs"]
        seed = base64.b64decode(signing["seed"], validate=True)
        signer = SigningKey(signing["key_id"], seed)
        private = {
            row["key_id"]: hpke.PrivateKey.from_bytes(
                base64.b64decode(row["private"], validate=True)
            )
            for row in epochs
        }
    except (KeyError, TypeError, ValueError, binascii.Error) as exc:
        raise Permanent("the authority's answer holds no processor keys", reason="keys") from exc
    try:
        named = keyring.public(signer.key_id, PROCESSOR_SIGN, now_ms)
    except OvertError as exc:
        raise Transient("no key set names the signing key", reason="key_set") from exc
    if named != signer.public_bytes():
        raise Transient("the key set names another signing key", reason="key_set")
    trusted = {
        key_id: key
        for key_id, key in private.items()
        if _names(keyring, key_id, key.public_bytes())
    }
    if not trusted:
        raise Transient("no key set names an epoch key", reason="key_set")
    return Keys(epochs=trusted, signer=signer)


def _names(keyring: Keyring, key_id: str, public: bytes) -> bool:
    cert = keyring.certs.get(key_id)
    return cert is not None and cert.role == PROCESSOR_SEAL and cert.public == public


def fetch(authority: Authority) -> Mapping[str, Any]:
    """Return the authority's answer. Blocks for seconds at most.

    Raises:
        Transient: it does not answer, or cannot now.
        Permanent: it refuses (``not_authorised``) or answers something else.
    """
    context = ssl.create_default_context(cafile=str(authority.ca))
    context.load_cert_chain(authority.cert, authority.key)
    try:
        with httpx.Client(verify=context, timeout=_TIMEOUT_S, trust_env=False) as link:
            reply = link.post(authority.url.rstrip("/") + api.PROCESSOR_KEYS, json={})
    except httpx.HTTPError as exc:
        raise _unanswered(exc) from exc
    if reply.status_code in _REFUSED:
        raise Permanent(
            f"the authority refuses keys to this certificate ({reply.status_code}): "
            "it must be a service called refine",
            reason="not_authorised",
        )
    if reply.status_code != httpx.codes.OK:
        raise Transient("the authority cannot answer now", reason="authority_busy")
    try:
        answer = reply.json()
    except ValueError as exc:
        raise Permanent("the authority's answer is not JSON", reason="keys") from exc
    if not isinstance(answer, Mapping):
        raise Permanent("the authority's answer is not an object", reason="keys")
    return answer


def _unanswered(exc: httpx.HTTPError) -> OvertError:
    cause: BaseException | None = exc
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            text = "the authority's certificate is not of our CA: check authority.ca"
            return Permanent(text, reason="not_authorised")
        if isinstance(cause, ssl.SSLError) and "ALERT" in str(cause.reason or ""):
            text = "the authority refuses our certificate: is it in force, and of its CA?"
            return Permanent(text, reason="not_authorised")
        cause = cause.__cause__ or cause.__context__
    if isinstance(exc, httpx.RemoteProtocolError | httpx.ReadError):
        return Transient("the authority closed the connection", reason=CLOSED)
    return Transient("the authority does not answer", reason="authority_down")


def obtain(
    authority: Authority,
    keyring: Callable[[], Keyring],
    now_ms: Callable[[], int],
    wait: Callable[[float], object],
    ask: Callable[[Authority], Mapping[str, Any]] = fetch,
) -> Keys:
    """Return the keys, trying until the authority gives them: without keys nothing is processed.

    Raises:
        Permanent: it refuses for good.
    """
    backoff, closed = Backoff(), 0
    while True:
        try:
            keys = accept(ask(authority), keyring(), now_ms())
        except Transient as exc:
            closed = closed + 1 if exc.reason == CLOSED else 0
            if closed == _CLOSED_IN_A_ROW:
                raise Permanent(
                    "the authority closes every connection: is our certificate in force?",
                    reason="not_authorised",
                ) from exc
            wait_s, backoff = backoff.next()
            telemetry.keys_awaited(exc.reason, wait_s)
            wait(wait_s)
        else:
            telemetry.keys_received(len(keys.epochs), keys.signer.key_id)
            return keys
