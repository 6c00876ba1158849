"""Which exit code an error becomes."""

from overt_schemas.errors import (
    EXIT_FAILURE,
    EXIT_NOT_AUTHORISED,
    EXIT_TIMED_OUT,
    EXIT_USAGE,
    OvertError,
    Refused,
)

_BY_REASON = {
    "topology": EXIT_USAGE,
    "unknown_service": EXIT_USAGE,
    "not_ready": EXIT_TIMED_OUT,
    "still_stopping": EXIT_TIMED_OUT,
    "timed_out": EXIT_TIMED_OUT,
    "usage": EXIT_USAGE,
    "place": EXIT_USAGE,
    "not_authorised": EXIT_NOT_AUTHORISED,
}


def code_of(error: OvertError) -> int:
    """Return the exit code of the product's table."""
    if isinstance(error, Refused):
        return EXIT_NOT_AUTHORISED
    return _BY_REASON.get(error.reason, EXIT_FAILURE)
