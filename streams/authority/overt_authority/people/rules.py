"""What a person's state allows. Pure."""

from overt_schemas.records import Person

ACTIVE = "active"
ERASING = "erasing"
ERASED = "erased"


def may_use(person: Person | None) -> bool:
    """Return whether anything of the person may be sealed or released; unknown means no."""
    return person is not None and person.state == ACTIVE
