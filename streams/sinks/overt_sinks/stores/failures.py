"""What a store's refusals and silences are called here, whichever client met them. Pure."""

from obstore import exceptions

from overt_schemas.errors import OvertError, Permanent, Refused, Transient


class AlreadyExists(Permanent):
    """The name is taken. What stands there decides what to do."""


class Changed(Permanent):
    """What stands under the name is not what it was, perhaps by this very call's first try."""


class NotFound(Permanent):
    """No object of that name."""


def translated(exc: Exception) -> OvertError:
    """Return our error for one of obstore's."""
    match exc:
        case exceptions.NotFoundError() | FileNotFoundError():
            return NotFound("no object of that name", reason="not_found")
        case exceptions.PermissionDeniedError() | exceptions.UnauthenticatedError():
            return refused()
        case exceptions.InvalidPathError() | exceptions.NotSupportedError() | NotImplementedError():
            return Permanent("the store cannot do that", reason="store_unable")
        case _:
            return silent()


def refused() -> Refused:
    """Return the error of an identity that may not."""
    return Refused("the store refuses this identity", reason="store_refused")


def silent() -> Transient:
    """Return the error of a store that did not answer, or stumbled."""
    return Transient("the store gives no answer", reason="store")
