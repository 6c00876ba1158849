"""What processors ask: their keys; and what everybody may know: the key set."""

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response
from starlette.routing import BaseRoute

from overt_authority.log.append import Draft
from overt_authority.services import Services
from overt_authority.web import fields
from overt_authority.web.gate import Call, route
from overt_authority.web.peer import Kind
from overt_schemas import api

_REFINE = "refine"


def routes(services: Services) -> list[BaseRoute]:
    """Return the routes of processors."""

    def keys(call: Call) -> Mapping[str, Any]:
        services.log.append([Draft(kind="processor_keys", actor=call.name)])
        handout = services.epoch_keys.handout()
        return {
            "epochs": [
                {
                    "key_id": key.key_id, "private": fields.to_text(key.private),
                    "not_before_ms": key.not_before_ms, "not_after_ms": key.not_after_ms,
                }
                for key in handout.epochs
            ],
            "signing": {
                "key_id": handout.signing.key_id, "seed": fields.to_text(handout.signing.seed()),
            },
        }  # fmt: skip

    def keyset(_call: Call) -> Response:
        return Response(services.epoch_keys.keyset(), media_type="application/octet-stream")

    return [
        route("POST", api.PROCESSOR_KEYS, keys, Kind.SERVICE, names=(_REFINE,)),
        route("GET", api.KEYSET, keyset, *Kind),
    ]
