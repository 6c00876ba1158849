"""What operators ask: tokens, grants, pause and resume, the fleet in two numbers."""

import re
from collections.abc import Mapping
from typing import Any

from starlette.routing import BaseRoute

from overt_authority.beacon.store import DEVICE_PREFIX
from overt_authority.devices import store as devices
from overt_authority.log.append import Draft
from overt_authority.policy import store as policies
from overt_authority.policy.rules import GROUP
from overt_authority.presence import rules as presence_rules
from overt_authority.presence import store as presence
from overt_authority.services import Services
from overt_authority.web import fields
from overt_authority.web.gate import Call, Missing, route
from overt_authority.web.peer import Kind
from overt_schemas import api
from overt_schemas.errors import Malformed
from overt_schemas.records import Grant

_DEVICE = re.compile(DEVICE_PREFIX + r"[0-9a-f]{32}")
_MAX_TOKENS = 10_000
_MAX_COHORT = 10_000
_MAX_GROUPS = 1_000
_FAR_MS = 2**53


def routes(services: Services) -> list[BaseRoute]:
    """Return the routes of operators."""

    def tokens(call: Call) -> Mapping[str, Any]:
        group = _group(fields.name(call.body, "group"))
        count = fields.number(call.body, "count", 1, _MAX_TOKENS)
        with services.database.read() as db:
            if policies.newest(db, group) is None:
                raise Missing("that group has no policy", reason="group")
        services.log.append([
            Draft(kind="enrol", actor=call.name, detail=f"tokens={count} group={group}")
        ])  # fmt: skip
        with services.database.write() as db:
            return {"tokens": devices.new_tokens(db, group, count, services.now_ms())}

    def fleet(call: Call) -> Mapping[str, Any]:
        group, now_ms = _group(fields.name(call.query, "group")), services.now_ms()
        with services.database.read() as db:
            latest = presence.of_group(db, group)
        return presence_rules.view(
            presence_rules.is_capturing(said, now_ms, services.valid_ms) for said in latest
        )

    return [
        route("POST", api.TOKENS, tokens, Kind.OPERATOR),
        route("GET", api.FLEET, fleet, Kind.OPERATOR),
        *_grants(services),
        *_pauses(services),
    ]


def _grants(services: Services) -> list[BaseRoute]:
    def request(call: Call) -> Mapping[str, Any]:
        body = call.body
        wanted = Grant(
            grant="", version=0, subscriber=fields.name(body, "subscriber"),
            purpose=fields.name(body, "purpose"),
            cohort=fields.names(body, "cohort", _MAX_COHORT),
            streams=fields.numbers(body, "streams", 2),
            not_before_ms=fields.number(body, "not_before_ms", 0, _FAR_MS),
            not_after_ms=fields.number(body, "not_after_ms", 0, _FAR_MS),
            approvers=(), state="",
        )  # fmt: skip
        grant = services.grants.request(wanted, call.name).grant
        return {"grant": grant.grant, "state": grant.state}

    def approve(call: Call) -> Mapping[str, Any]:
        grant = services.grants.approve(fields.name(call.path, "grant"), call.name).grant
        return {"grant": grant.grant, "state": grant.state}

    def end(call: Call) -> Mapping[str, Any]:
        grant = services.grants.end(fields.name(call.path, "grant"), call.name).grant
        return {"grant": grant.grant, "state": grant.state}

    return [
        route("POST", api.GRANTS, request, Kind.OPERATOR, max_bytes=1_048_576),
        route("POST", api.GRANTS + "/{grant}/approve", approve, Kind.OPERATOR),
        route("POST", api.GRANTS + "/{grant}/end", end, Kind.OPERATOR),
    ]


def _pauses(services: Services) -> list[BaseRoute]:
    def pause(call: Call) -> Mapping[str, Any]:
        return {"beacon": services.pauses.pause(_scopes(services, call), call.name)}

    def resume(call: Call) -> Mapping[str, Any]:
        return {"beacon": services.pauses.resume(_scopes(services, call), call.name)}

    return [
        route("POST", api.PAUSE, pause, Kind.OPERATOR),
        route("POST", api.RESUME, resume, Kind.OPERATOR),
    ]


def _group(name: str) -> str:
    if not GROUP.fullmatch(name):
        raise Malformed("a group is named by a-z, 0-9 and -", reason="group")
    return name


def _scopes(services: Services, call: Call) -> list[str]:
    """Return what is paused or resumed: a misspelt name must not look like a fleet that stopped."""
    scopes = fields.names(call.body, "groups", _MAX_GROUPS)
    with services.database.read() as db:
        for scope in scopes:
            if _DEVICE.fullmatch(scope):
                device = bytes.fromhex(scope.removeprefix(DEVICE_PREFIX))
                is_known = devices.find(db, device) is not None
            else:
                is_known = policies.newest(db, _group(scope)) is not None
            if not is_known:
                raise Missing("a group or device is unknown: nothing was changed", reason="group")
    return list(scopes)
