"""What subscribers ask: which runs, their bytes, the keys of segments."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute

from overt_authority import telemetry
from overt_authority.grants.index import Run
from overt_authority.grants.ranges import NotOffered, Ranged
from overt_authority.grants.release import Answer, Ask
from overt_authority.services import Services
from overt_authority.web import fields
from overt_authority.web.gate import LARGE, Call, Missing, route
from overt_authority.web.peer import Kind
from overt_schemas import api
from overt_schemas.errors import Transient

_MAX_PAGE = 5_000
_MAX_RUNS = 20_000
_MAX_RANGES = 1_000  # half a megabyte of URLs; there is no use in ranges of small runs
_MAX_SEGMENTS = 2_000
_SHOWN = (
    "run", "kind", "device", "boot", "activity", "stream", "segment", "first_batch", "last_batch",
    "records",
)  # fmt: skip


def routes(services: Services) -> list[BaseRoute]:
    """Return the routes of subscribers."""

    def segments(call: Call) -> Mapping[str, Any]:
        limit = fields.query_number(call.query, "limit", 1, _MAX_PAGE, 1_000)
        after = fields.query_number(call.query, "after", 0, 2**62, 0)
        grant = fields.name(call.query, "grant")
        page = services.reading.segments(call.name, grant, after, limit)
        return {
            "runs": [_shown(run) for run in page.runs], "next": str(page.after),
            "more": page.more,
        }  # fmt: skip

    def read(call: Call) -> Response:
        grant = fields.name(call.body, "grant")
        names = fields.names(call.body, "runs", _MAX_RUNS)
        runs = services.reading.open(call.name, grant, names).runs
        # With the length said, a stream that breaks off cannot be taken for a whole one.
        length = {"content-length": str(sum(run.byte_len for run in runs))}
        return StreamingResponse(
            _told(services.objects.stream(runs)),
            media_type="application/octet-stream",
            headers=length,
        )

    return [
        route("GET", api.SEGMENTS, segments, Kind.SUBSCRIBER),
        route("POST", api.READ, read, Kind.SUBSCRIBER, max_bytes=LARGE),
        _ranges(services),
        _release(services),
    ]


def _ranges(services: Services) -> BaseRoute:
    def ranges(call: Call) -> Response:
        grant = fields.name(call.body, "grant")
        names = fields.names(call.body, "runs", _MAX_RANGES)
        try:
            out = services.ranges.hand_out(call.name, grant, names)
        except NotOffered as exc:
            raise Missing(str(exc), reason=exc.reason) from exc
        given = {"ranges": [_ranged(one) for one in out.ranges], "valid_s": out.valid_s}
        return JSONResponse(given, headers={"cache-control": "no-store"})

    return route("POST", api.RANGES, ranges, Kind.SUBSCRIBER, max_bytes=LARGE)


def _release(services: Services) -> BaseRoute:
    def release(call: Call) -> Mapping[str, Any]:
        asks = [
            Ask(
                header=fields.data(one, "header"), wrap=fields.data(one, "wrap"),
                person_key=fields.name(one, "person_key"),
            )
            for one in fields.objects(call.body, "segments", _MAX_SEGMENTS)
        ]  # fmt: skip
        answers = services.release.release(
            call.name, fields.name(call.body, "grant"), fields.name(call.body, "purpose"), asks
        )
        return {"keys": [_answer(answer) for answer in answers]}

    return route("POST", api.RELEASE, release, Kind.SUBSCRIBER, max_bytes=LARGE)


async def _told(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    try:
        async for piece in pieces:
            yield piece
    except Transient as exc:
        telemetry.reading_broke(exc.reason)
        raise  # the connection breaks off: half an answer is never taken for a whole one


def _shown(run: Run) -> dict[str, Any]:
    return {**{name: getattr(run, name) for name in _SHOWN}, "bytes": run.byte_len}


def _ranged(one: Ranged) -> dict[str, Any]:
    if one.presigned is None:
        return {"run": one.run}
    return {"run": one.run, "url": one.presigned.url, "headers": dict(one.presigned.headers)}


def _answer(answer: Answer) -> dict[str, str]:
    info = {"info": answer.info.hex()}
    if answer.refused:
        return {**info, "refused": answer.refused}
    return {**info, "key": fields.to_text(answer.key)}
