"""The one road to the authority: HTTPS with our certificate, its CA pinned, retries bounded.

Foreign errors end here: a refusal is ``Refused`` with the authority's code, what may pass is
``Transient`` and tried again, the rest is ``Permanent``. Every call blocks; one client serves one
thread. Answers are bounded before they are read.
"""

import base64
import binascii
import json
import random
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar

import httpx

from overt_schemas import api, codec
from overt_schemas.errors import Malformed, OvertError, Permanent, Refused, Transient, Untrusted
from overt_schemas.records import Signed
from overt_schemas.signing import Keyring
from overt_subscriber import telemetry
from overt_subscriber.ranges import Offer, offer
from overt_subscriber.runs import Page, Run, run_of
from overt_subscriber.settings import Authority as Settings
from overt_subscriber.settings import root_public

T = TypeVar("T")
ATTEMPTS = 8
_FIRST_PAUSE_S = (
    0.2  # doubled each time, then jittered: eight span about 12 s, a restart of the authority
)
_LONGEST_PAUSE_S = 5.0
# A server that refuses our certificate may close without a word (TLS 1.3 lets a client believe that
# its handshake is done). One that is killed does so once, and then does not listen.
_CLOSED, _CLOSED_ATTEMPTS = "closed", 3
_JSON_LIMIT = 16 * 1_048_576
_TIMEOUT = httpx.Timeout(30.0, connect=5.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrapped:
    """What a release is asked with: the segment header is what the grant is checked against."""

    header: bytes
    wrap: bytes
    person_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """A data key, or why there is none."""

    key: bytes = field(default=b"", repr=False)
    refused: str = ""


class Authority:
    """A session with the authority; a context manager.

    ``pause`` waits between attempts; tests give one that does not.
    """

    def __init__(
        self, settings: Settings, *, attempts: int = ATTEMPTS,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:  # fmt: skip
        self._root = root_public(settings.root_key)
        self._attempts, self._pause = attempts, pause
        self._http = httpx.Client(
            base_url=settings.url, verify=_context(settings), timeout=_TIMEOUT, trust_env=False
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def keyring(self) -> Keyring:
        """Return the key set in force, verified against the pinned root.

        Raises:
            Untrusted: another root signed it.
        """
        body = self._retried(lambda: self._call("GET", api.KEYSET, limit=_JSON_LIMIT))
        ring = Keyring(root=self._root).accept(codec.decode(body, Signed))
        telemetry.keyset_loaded(ring.version)
        return ring

    def segments(self, grant: str, after: str, limit: int) -> Page:
        """Return what the grant covers behind a cursor ("" for the start)."""
        query = {"grant": grant, "limit": str(limit)} | ({"after": after} if after else {})
        answer = self._json("GET", api.SEGMENTS, params=query)
        try:
            runs = tuple(run_of(row) for row in answer["runs"])
            return Page(runs=runs, next=str(answer["next"]), more=bool(answer["more"]))
        except (KeyError, TypeError, ValueError) as exc:
            raise Malformed("authority's list of segments is not one") from exc

    def read(self, grant: str, runs: Sequence[Run]) -> bytes:
        """Return the bytes of these runs, in this order: exactly as many as the index says."""
        size = sum(run.bytes for run in runs)
        question = {"grant": grant, "runs": [run.run for run in runs]}

        def once() -> bytes:
            body = self._call("POST", api.READ, limit=size, json=question)
            if len(body) != size:
                raise Transient("authority's answer was cut short", reason="short")
            return body

        return self._retried(once)

    def ranges(self, grant: str, runs: Sequence[Run]) -> Offer:
        """Return presigned ranges of these runs, in this order; they are good for a minute.

        Raises:
            Permanent: there are none here (``not_offered``); ``read`` is the way.
        """
        question = {"grant": grant, "runs": [run.run for run in runs]}
        return offer(self._json("POST", api.RANGES, json=question), runs)

    def release(self, grant: str, purpose: str, segments: Sequence[Wrapped]) -> dict[str, Released]:
        """Return the data key of each segment by its name (hex), or the code of its refusal."""
        question = {
            "grant": grant, "purpose": purpose,
            "segments": [
                {"header": _b64(s.header), "wrap": _b64(s.wrap), "person_key": s.person_key}
                for s in segments
            ],
        }  # fmt: skip
        answer = self._json("POST", api.RELEASE, json=question)
        try:
            keys = {str(row["info"]): _released(row) for row in answer["keys"]}
        except (KeyError, TypeError, ValueError) as exc:
            raise Malformed("authority's answer to a release is not one") from exc
        telemetry.keys_released(len(keys), sum(bool(k.refused) for k in keys.values()))
        return keys

    def _json(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        body = self._retried(lambda: self._call(method, path, limit=_JSON_LIMIT, **more))
        try:
            answer = json.loads(body)
        except ValueError as exc:
            raise Malformed(f"authority's answer to {path} is not JSON") from exc
        if not isinstance(answer, dict):
            raise Malformed(f"authority's answer to {path} is not an object")
        return answer

    def _retried(self, call: Callable[[], T]) -> T:
        pause, closed = _FIRST_PAUSE_S, 0
        for attempt in range(1, self._attempts + 1):
            try:
                return call()
            except Transient as exc:
                closed = closed + 1 if exc.reason == _CLOSED else 0
                if closed == _CLOSED_ATTEMPTS:
                    raise Refused(
                        "the authority closes every connection: is our certificate in force?",
                        reason="certificate",
                    ) from exc
                if attempt == self._attempts:
                    raise
                telemetry.call_retried("authority", attempt, exc.reason)
                self._pause(pause * random.uniform(0.5, 1.0))  # noqa: S311 - spreads, not secret
                pause = min(2 * pause, _LONGEST_PAUSE_S)
        raise AssertionError("unreachable")

    def _call(self, method: str, path: str, *, limit: int, **more: Any) -> bytes:
        answered = False
        try:
            with self._http.stream(method, path, **more) as answer:
                answered = True
                if answer.status_code != httpx.codes.OK:
                    raise _failure(path, answer.status_code, _bounded(answer, _JSON_LIMIT))
                return _bounded(answer, limit)
        except httpx.HTTPError as exc:
            raise _translated(exc, answered=answered) from exc


def _bounded(answer: httpx.Response, limit: int) -> bytes:
    body = bytearray()
    for piece in answer.iter_bytes():
        body += piece
        if len(body) > limit:
            raise Malformed("the authority's answer is longer than it may be")
    return bytes(body)


def _context(settings: Settings) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=str(settings.ca))
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(settings.cert, settings.key)
    except (OSError, ssl.SSLError) as exc:
        kind = "authority.ca, cert or key is missing or not PEM"
        raise Malformed(f"{kind}: check the settings file", reason="settings") from exc
    return context


def _failure(path: str, status: int, body: bytes) -> OvertError:
    try:
        answer = json.loads(body)
        code = str(answer["error"])
    except (ValueError, KeyError, TypeError):
        code = f"http_{status}"
    if status in (401, 403):
        return Refused(f"the authority refuses {path}: {code}", reason=code)
    if status >= 500 or status == 429:
        return Transient(f"the authority cannot answer {path} now ({status})", reason=code)
    return Permanent(f"the authority does not take {path} ({status} {code})", reason=code)


def _translated(exc: httpx.HTTPError, *, answered: bool) -> OvertError:
    cause: BaseException | None = exc
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return Untrusted("the authority's certificate is not of our CA", reason="certificate")
        if isinstance(cause, ssl.SSLError) and "ALERT" in str(cause.reason or ""):
            return Refused("the authority refuses our certificate", reason="certificate")
        cause = cause.__cause__ or cause.__context__
    if answered:
        return Transient("the authority's answer broke off", reason="short")
    if isinstance(exc, httpx.RemoteProtocolError):
        return Transient("the authority closed the connection", reason=_CLOSED)
    return Transient("the authority cannot be reached: is it running?", reason="unreachable")


def _released(row: dict[str, Any]) -> Released:
    if "refused" in row:
        return Released(refused=str(row["refused"]))
    try:
        return Released(key=base64.b64decode(row["key"], validate=True))
    except binascii.Error as exc:
        raise ValueError("key is not base64") from exc


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
