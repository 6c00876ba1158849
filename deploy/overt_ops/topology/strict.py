"""How the topology's files are refused: one line, naming what to mend. Pure."""

from collections.abc import Mapping
from typing import Any

from overt_schemas.errors import Permanent


def require(condition: bool, message: str) -> None:
    """Return if the condition holds.

    Raises:
        Permanent: it does not; reason ``topology``.
    """
    if not condition:
        raise Permanent(f"topology: {message}: mend deploy/topology", reason="topology")


def known_keys(where: str, table: Mapping[str, Any], allowed: set[str]) -> None:
    """Return if a table has no key but these: a typing slip must not pass for a rule."""
    unknown = set(table) - allowed
    require(not unknown, f"unknown keys {sorted(unknown)} in {where}")
