"""What may be checked: the log's head by all, its entries by auditors and the person concerned."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from starlette.routing import BaseRoute

from overt_authority.devices import rules as device_rules
from overt_authority.devices import store as devices
from overt_authority.log import head
from overt_authority.services import Services
from overt_authority.web import fields
from overt_authority.web.gate import Call, route
from overt_authority.web.peer import Kind, Peer
from overt_schemas import api
from overt_schemas.errors import Refused

_AUDITOR = "auditor"
_MAX_ENTRIES = 1_000


def routes(services: Services) -> list[BaseRoute]:
    """Return the routes of the log, and readiness."""

    def log_head(_call: Call) -> Mapping[str, Any]:
        signed = head.sign(services.log.head(), services.epoch_keys.authority())
        return {
            "size": signed.size, "root": signed.root.hex(), "key_id": signed.key_id,
            "signature": fields.to_text(signed.signature),
        }  # fmt: skip

    def log_entries(call: Call) -> Mapping[str, Any]:
        start = fields.query_number(call.query, "from", 0, 2**62, 0)
        stop = fields.query_number(call.query, "to", 0, 2**62, start + _MAX_ENTRIES)
        entries = services.log.entries(start, min(stop, start + _MAX_ENTRIES))
        person = _own_person(services, call.peer)
        return {"entries": [asdict(e) for e in entries if person in (None, e.person)]}

    def ready(_call: Call) -> Mapping[str, Any]:
        services.check()
        return {"ready": True}

    return [
        route("GET", api.LOG_HEAD, log_head, *Kind),
        route("GET", api.LOG_ENTRIES, log_entries, Kind.OPERATOR, Kind.SERVICE, Kind.ENDPOINT),
        route("GET", api.READY, ready, *Kind),
    ]


def _own_person(services: Services, peer: Peer | None) -> str | None:
    """Return whose entries the caller may see; None for all of them."""
    if peer is not None and peer.kind is Kind.OPERATOR:
        return None
    if peer is not None and peer.kind is Kind.SERVICE and peer.name == _AUDITOR:
        return None
    if peer is not None and peer.kind is Kind.ENDPOINT:
        with services.database.read() as db:
            device = devices.find(db, bytes.fromhex(peer.name))
        is_active = device is not None and device.state == device_rules.ACTIVE
        person = device_rules.holder(device, services.now_ms()) if device and is_active else None
        if person is not None:
            return person
    raise Refused("this identity may not do that", reason=api.WRONG_IDENTITY)
