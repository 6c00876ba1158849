"""The gate of every route: who, how much, and what a failure looks like.

Deny by default: no route, no certificate or another kind of caller is 403. A body is read to its
bound and no further. Answers to failures are JSON with a code and one sentence of ours, never a
name, a key or what was sent.
"""

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from overt_authority import telemetry
from overt_authority.web.peer import STATE, Kind, Peer
from overt_schemas import api
from overt_schemas.errors import Malformed, Permanent, Refused, Transient

SMALL = 64 * 1024
LARGE = 8 * 1_048_576  # the keys of some thousands of segments
_BODY_S = 30.0


class Missing(Permanent):
    """What is asked for is not there (404)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request whose caller may make it."""

    peer: Peer | None
    body: Mapping[str, Any]
    query: Mapping[str, str]
    path: Mapping[str, str]

    @property
    def name(self) -> str:
        """The caller's name."""
        return self.peer.name if self.peer else ""


def route(
    method: str,
    path: str,
    answer: Callable[[Call], Response | Mapping[str, Any]],
    *kinds: Kind,
    names: tuple[str, ...] = (),
    is_open: bool = False,
    max_bytes: int = SMALL,
) -> Route:
    """Return a route for callers of those kinds (and names); ``is_open`` asks for no certificate.

    ``answer`` runs in a worker thread.
    """

    async def endpoint(request: Request) -> Response:
        try:
            peer: Peer | None = getattr(request.state, STATE, None)
            if not is_open:
                _admit(peer, kinds, names)
            body = await _body(request, max_bytes)
            call = Call(peer=peer, body=body, query=request.query_params, path=request.path_params)
            given = await run_in_threadpool(answer, call)
        except ClientDisconnect:
            return Response(status_code=400)
        except Exception as exc:
            return failure(path, exc)
        return given if isinstance(given, Response) else JSONResponse(dict(given))

    return Route(path, endpoint, methods=[method])


def failure(path: str, exc: Exception) -> Response:
    """Return the answer to a failure."""
    match exc:
        case Refused():
            telemetry.request_refused(path, exc.reason)
            return _error(403, exc.reason, str(exc))
        case Missing():
            return _error(404, exc.reason, str(exc))
        case Permanent():
            telemetry.request_refused(path, exc.reason)
            return _error(400, exc.reason, str(exc))
        case Transient():
            telemetry.request_unanswered(path, exc.reason)
            return _error(503, exc.reason, str(exc))
        case _:
            telemetry.request_broke(path, type(exc).__name__, telemetry.where(exc))
            return _error(500, "internal", "the authority failed; nothing was released")


async def unknown(_request: Request, _exc: Exception) -> Response:
    """Answer what no route takes."""
    return _error(403, api.WRONG_IDENTITY, "nobody may do that here")


def _admit(peer: Peer | None, kinds: tuple[Kind, ...], names: tuple[str, ...]) -> None:
    # The TLS library checked the dates when the connection began; connections live on.
    is_known = peer is not None and time.time() * 1000 < peer.not_after_ms
    if peer is None or not is_known or peer.kind not in kinds:
        raise Refused("this identity may not do that", reason=api.WRONG_IDENTITY)
    if names and peer.name not in names:
        raise Refused("this identity may not do that", reason=api.WRONG_IDENTITY)


async def _body(request: Request, max_bytes: int) -> Mapping[str, Any]:
    data = bytearray()
    try:
        async with asyncio.timeout(_BODY_S):
            async for chunk in request.stream():
                data += chunk
                if len(data) > max_bytes:
                    raise Malformed("the request is too large", reason="size")
    except TimeoutError as exc:
        raise Malformed("the request came too slowly", reason="time") from exc
    if not data:
        return {}
    try:
        body = json.loads(data)
    except ValueError as exc:
        raise Malformed("the request is not JSON", reason="json") from exc
    if not isinstance(body, dict):
        raise Malformed("the request is not a JSON object", reason="json")
    return body


def _error(status: int, code: str, detail: str) -> Response:
    return JSONResponse({"error": code, "detail": detail}, status_code=status)
