"""What a store's refusals and silences are called here, whichever client met them. Pure."""

import re

from obstore import exceptions

from overt_schemas.errors import OvertError, Permanent, Refused, Transient

# obstore hands out no number. Only the message is the better for it.
_STATUS = re.compile(r"non-2xx status code: (\d{3})")


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
            status = _STATUS.search(str(exc))
            return silent() if status is None else stumbled(int(status[1]))


def refused() -> Refused:
    """Return the error of an identity that may not."""
    return Refused("the store refuses this identity", reason="store_refused")


def silent() -> Transient:
    """Return the error of a store that did not answer."""
    return Transient("the store gives no answer", reason="store")


def stumbled(status: int) -> Transient:
    """Return the error of a store that answered what says nothing about the object."""
    return Transient(f"the store answers {status}", reason="store")
