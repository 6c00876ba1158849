"""Which source the demo runs from, and why: decided before anything starts. Pure.

`desktop` is the display of the person who runs the command, `xvfb` a private display with a window
manager and an editor, `scripted` needs neither. `auto` takes the first that can run.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from overt_schemas.errors import Permanent

XVFB_PROGRAMS = ("Xvfb", "openbox", "mousepad")
# What Debian calls the packages that bring them, for the sentence that says what to do next.
XVFB_PACKAGES = "xvfb openbox mousepad"


class Source(Enum):
    """Where events come from."""

    AUTO = "auto"
    DESKTOP = "desktop"
    XVFB = "xvfb"
    SCRIPTED = "scripted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What the choice depends on: the environment, a person at a terminal, programs on PATH."""

    environment: Mapping[str, str]
    programs: frozenset[str]

    @property
    def has_desktop(self) -> bool:
        """An X display, and not Xwayland behind a Wayland session, where capture is refused."""
        wayland = self.environment.get("XDG_SESSION_TYPE") == "wayland"
        return bool(self.environment.get("DISPLAY")) and not wayland

    @property
    def missing(self) -> tuple[str, ...]:
        """Programs that a private display needs and that are not here."""
        return tuple(name for name in XVFB_PROGRAMS if name not in self.programs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The source and the reason, as the first line of the demo says it."""

    source: Source
    why: str


def choose(asked: Source, machine: Machine) -> Choice:
    """Return what to run.

    Raises:
        Permanent: the source asked for by name cannot run here; the message says what is missing.
    """
    if asked is Source.SCRIPTED:
        return Choice(source=asked, why="asked for")
    if asked is Source.DESKTOP:
        if machine.has_desktop:
            return Choice(source=asked, why="asked for")
        raise Permanent(
            "no X display here (Wayland is not supported): use --source xvfb or --source scripted",
            reason="no_display",
        )
    if asked is Source.XVFB:
        if not machine.missing:
            return Choice(source=asked, why="asked for")
        raise Permanent(
            f"{', '.join(machine.missing)} not found: install {XVFB_PACKAGES}, "
            "or use --source scripted",
            reason="no_xvfb",
        )
    if machine.has_desktop:
        return Choice(source=Source.DESKTOP, why="a display is here; you will be asked")
    if not machine.missing:
        return Choice(source=Source.XVFB, why="no display here; Xvfb and an editor are")
    lacking = ", ".join(machine.missing)
    return Choice(source=Source.SCRIPTED, why=f"no display here, and no {lacking}")
