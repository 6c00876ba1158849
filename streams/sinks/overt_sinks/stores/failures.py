"""What a store's refusals and silences are called here, whichever client met them. Pure."""

import re

from obstore import exceptions

from overt_schemas.errors import OvertError, Permanent, Refused, Transient

# Of listings and archives obstore tells the status in its message alone.
_STATUS = re.compile(r"non-2xx status code: (\d{3})")
_ARCHIVED = ("InvalidObjectState", "BlobArchived", "BlobBeingRehydrated")
_REFUSED, _MISSING = (401, 403), 404


class AlreadyExists(Permanent):
    """The name is taken. What stands there decides what to do."""


class Changed(Permanent):
    """What stands under the name is not what it was, perhaps by this very call's first try."""


class Archived(Permanent):
    """The object stands in a class that answers only after it was asked to bring it back."""


class NotFound(Permanent):
    """No object of that name."""


def translated(exc: Exception) -> OvertError:
    """Return our error for one of obstore's."""
    said = str(exc)
    if any(word in said for word in _ARCHIVED):
        return Archived("the object is archived: restore it first", reason="archived")
    match exc:
        case exceptions.NotFoundError() | FileNotFoundError():
            return _missing()
        case exceptions.PermissionDeniedError() | exceptions.UnauthenticatedError():
            return refused()
        case exceptions.InvalidPathError() | exceptions.NotSupportedError() | NotImplementedError():
            return Permanent("the store cannot do that", reason="store_unable")
        case _:
            status = _STATUS.search(said)
            return silent() if status is None else _by_status(int(status[1]))


def _by_status(status: int) -> OvertError:
    if status in _REFUSED:
        return refused()
    return _missing() if status == _MISSING else stumbled(status)


def _missing() -> NotFound:
    return NotFound("no object of that name, or no such bucket", reason="not_found")


def refused() -> Refused:
    """Return the error of an identity that may not."""
    return Refused("the store refuses this identity", reason="store_refused")


def silent() -> Transient:
    """Return the error of a store that did not answer."""
    return Transient("the store gives no answer", reason="store")


def stumbled(status: int) -> Transient:
    """Return the error of a store that answered what says nothing about the object."""
    return Transient(f"the store answers {status}", reason="store")
