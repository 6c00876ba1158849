"""What endpoints ask: to be enrolled, a new certificate, whether a consent is in force."""

from collections.abc import Mapping
from typing import Any

from starlette.routing import BaseRoute

from overt_authority.services import Services
from overt_authority.web import fields
from overt_authority.web.gate import Call, route
from overt_authority.web.peer import Kind
from overt_schemas import api


def routes(services: Services) -> list[BaseRoute]:
    """Return the routes of endpoints."""

    def enrol(call: Call) -> Mapping[str, Any]:
        keyset = services.epoch_keys.keyset()
        enrolled = services.enrolment.enrol(
            fields.text(call.body, "token"),
            fields.data(call.body, "signing_key"),
            fields.text(call.body, "csr"),
        )
        return {
            "device": enrolled.device.hex(), "person": enrolled.person, "group": enrolled.group,
            "tag_secret": fields.to_text(enrolled.tag_secret),
            "certificate": enrolled.certificate, "broker_ca": services.broker_ca,
            "bootstrap": services.bootstrap, "root_key": fields.to_text(services.root_public),
            "policy": fields.to_text(enrolled.policy), "keyset": fields.to_text(keyset),
        }  # fmt: skip

    def certificate(call: Call) -> Mapping[str, Any]:
        device = bytes.fromhex(call.name)
        return {"certificate": services.enrolment.renew(device, fields.text(call.body, "csr"))}

    def consent(call: Call) -> Mapping[str, Any]:
        device, name = bytes.fromhex(call.name), fields.name(call.path, "consent")
        return {"registered": services.receipts.is_registered(device, name)}

    return [
        route("POST", api.ENROL, enrol, is_open=True),
        route("POST", api.CERTIFICATE, certificate, Kind.ENDPOINT),
        route("GET", api.CONSENTS + "/{consent}", consent, Kind.ENDPOINT),
    ]
