"""All routes of ``overt_schemas.api`` as one application."""

from starlette.applications import Starlette

from overt_authority.services import Services
from overt_authority.web import auditors, endpoints, gate, operators, processors, readers


def app(services: Services) -> Starlette:
    """Return the application; what no route takes is refused."""
    made = Starlette(
        routes=[
            *endpoints.routes(services), *processors.routes(services), *readers.routes(services),
            *operators.routes(services), *auditors.routes(services),
        ],
        exception_handlers={404: gate.unknown, 405: gate.unknown},
    )  # fmt: skip
    made.router.redirect_slashes = False
    return made
