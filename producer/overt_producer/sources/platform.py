"""Whether this machine's desktop can be captured, and if not, why and what to do.

Half a recording is worse than none: under Wayland X would show only what runs in Xwayland, so it
is refused outright, as is every system that is not built yet. ``probe`` gathers facts (shell),
``decide`` judges them (pure).
"""

import os
import re
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass

# RECORD hears input, DAMAGE says when to grab, SHAPE makes the badge click-through, RANDR knows
# the monitors. MIT-SHM is the fast way to grab: without it capture works and says so.
NEEDED = ("RECORD", "DAMAGE", "SHAPE", "RANDR")
WANTED = ("MIT-SHM", "XTEST")


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What was found.

    Attributes:
        system: ``sys.platform``.
        session: ``XDG_SESSION_TYPE``; ``wayland`` and ``display`` are the variables of that name.
        extensions: of the X server, None if it could not be reached.
    """

    system: str
    session: str = ""
    wayland: str = ""
    display: str = ""
    extensions: frozenset[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Desktop:
    """The verdict.

    Attributes:
        reason: bounded code: ``ok``, ``wayland``, ``no_display``, ``remote``,
            ``unreachable``, ``extension``, ``system``.
        message: one line for a person, with what to do next; "" when it can be captured.
        missing: wanted extensions that are absent.
    """

    can_capture: bool
    reason: str = "ok"
    message: str = ""
    missing: tuple[str, ...] = ()


def decide(facts: Facts) -> Desktop:  # noqa: PLR0911  one return a refusal
    """Return whether a desktop of which these facts are known can be captured."""
    if not facts.system.startswith("linux"):
        name = {"darwin": "macOS", "win32": "Windows"}.get(facts.system, "this system")
        return _refused("system", f"{name} is not supported yet: use an X11 session on Linux")
    if facts.session == "wayland" or (facts.wayland and not facts.display):
        return _refused(
            "wayland",
            "a Wayland session is not supported, X would see only a part of it: "
            "log out and choose the Xorg session",
        )
    if not facts.display:
        return _refused(
            "no_display", "there is no X display: start overtd inside the desktop session"
        )
    if display_number(facts.display) is None:
        return _refused(
            "remote",
            "a display of another machine is not captured: start overtd where the person sits",
        )
    if facts.extensions is None:
        return _refused(
            "unreachable",
            "the X display cannot be reached: check DISPLAY and XAUTHORITY, or log in again",
        )
    absent = [name for name in NEEDED if name not in facts.extensions]
    if absent:
        return _refused(
            "extension",
            f"the X server lacks {', '.join(absent)}: enable it in its configuration",
        )
    return Desktop(can_capture=True, missing=tuple(n for n in WANTED if n not in facts.extensions))


def probe(environment: Mapping[str, str] | None = None) -> Desktop:
    """Look at this machine; opens the X display once, for a moment, and leaves nothing behind."""
    variables = os.environ if environment is None else environment
    facts = Facts(
        system=sys.platform,
        session=variables.get("XDG_SESSION_TYPE", ""),
        wayland=variables.get("WAYLAND_DISPLAY", ""),
        display=variables.get("DISPLAY", ""),
    )
    verdict = decide(facts)
    if verdict.reason != "unreachable":
        return verdict
    return decide(
        Facts(
            system=facts.system,
            session=facts.session,
            wayland=facts.wayland,
            display=facts.display,
            extensions=_extensions(facts.display),
        )
    )


def display_number(name: str) -> int | None:
    """Return the number of a display of this machine, None for any other name."""
    found = re.fullmatch(r"(?:unix)?:(\d{1,9})(?:\.\d+)?", name)
    return int(found[1]) if found else None


def is_served(name: str) -> bool:
    """Whether a server listens for a display of this machine.

    Asked before python-xlib is, which would go on to try the network: capture opens no inet
    socket, not even a futile one.
    """
    number = display_number(name)
    if number is None:
        return False
    path = f"/tmp/.X11-unix/X{number}"  # noqa: S108  the place the X protocol gives it
    for address in (path, "\0" + path):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as attempt:
            if attempt.connect_ex(address) == 0:
                return True
    return False


def _extensions(name: str) -> frozenset[str] | None:
    if not is_served(name):
        return None
    from Xlib import display, error

    try:
        connection = display.Display(name)
    except (error.DisplayError, error.XauthError, error.ConnectionClosedError, OSError):
        return None
    try:
        return frozenset(str(extension) for extension in connection.list_extensions())
    finally:
        connection.close()


def _refused(reason: str, message: str) -> Desktop:
    return Desktop(can_capture=False, reason=reason, message=message)
