"""What cannot run here, and the one line that says so; never a silent skip."""

import os
import shutil
from pathlib import Path

DESKTOP = ("Xvfb", "openbox", "mousepad", "dbus-run-session", "xrandr", "setxkbmap")
HOW = "apt install xvfb openbox mousepad dbus-daemon x11-xserver-utils x11-xkb-utils"
RECORDINGS = Path(__file__).parents[1].parent / "shared" / "data"


def absent(*programs: str) -> list[str]:
    """Return the programs that are not on PATH."""
    return [program for program in programs if shutil.which(program) is None]


def reasons() -> dict[str, str]:
    """Return the markers whose tests cannot run here, each with its reason."""
    without = {}
    lacking = absent(*DESKTOP)
    if lacking and os.environ.get("OVERT_REQUIRE_DESKTOP") != "1":
        without["desktop"] = f"no {', '.join(lacking)}: {HOW}"
    if not RECORDINGS.is_dir():
        without["realdata"] = f"no {RECORDINGS.name} beside the checkout"
    return without
