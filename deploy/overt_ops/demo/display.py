"""A private display for the demo: Xvfb, a window manager, an editor. All end with it."""

import os
import shutil
import subprocess
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from overt_ops.demo.waiting import until
from overt_schemas.errors import Transient

SIZE = "1280x800x24"


@dataclass(slots=True)
class PrivateDisplay:
    """Xvfb on a number that is free, openbox on it, and programs started by name.

    The home of its programs is a folder of their own, so that nothing of the user's settings
    shows on the screen, and nothing they write stays.
    """

    name: str = field(init=False, default="")
    _stack: ExitStack = field(init=False, default_factory=ExitStack)
    _home: Path = field(init=False)

    def __enter__(self) -> "PrivateDisplay":
        self._home = Path(tempfile.mkdtemp(prefix="overt-x"))
        self._stack.callback(_remove, self._home)
        read, write = os.pipe()
        argv = ["Xvfb", "-displayfd", str(write), "-screen", "0", SIZE, "-nolisten", "tcp"]
        self._start([*argv, "-noreset"], pass_fds=(write,))
        os.close(write)
        with os.fdopen(read) as answer:
            number = answer.readline().strip()
        if not number:
            raise Transient("Xvfb did not start", reason="no_display")
        self.name = f":{number}"
        self.run("openbox", "--sm-disable")
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def run(self, *argv: str) -> subprocess.Popen[bytes]:
        """Start a program on the display, in an accessibility session of its own where one is."""
        session = ["dbus-run-session", "--"] if shutil.which("dbus-run-session") else []
        bare = argv[0] == "openbox"
        return self._start(list(argv) if bare else [*session, *argv])

    def environment(self) -> dict[str, str]:
        """Return the environment of programs on the display."""
        own = {"DISPLAY": self.name, "HOME": str(self._home), "XDG_SESSION_TYPE": "x11"}
        kept = {k: os.environ[k] for k in ("PATH", "LANG", "LC_ALL") if k in os.environ}
        return {**kept, **own, "NO_AT_BRIDGE": "0", "GTK_THEME": "Adwaita"}

    def _start(self, argv: list[str], pass_fds: tuple[int, ...] = ()) -> subprocess.Popen[bytes]:
        child = subprocess.Popen(
            argv, env=self.environment(), pass_fds=pass_fds, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self._stack.callback(_end, child)
        return child


def _end(child: subprocess.Popen[bytes]) -> None:
    """End a child and the session it leads."""
    if child.poll() is None:
        _signal(child, 15)
        until(lambda: child.poll() is not None, 3.0)
    _signal(child, 9)  # whoever of its session is still there: a bus starts services of its own
    child.wait()


def _remove(home: Path) -> None:
    """Remove the folder; a service that ends a moment later may still write into it."""

    def gone() -> bool:
        shutil.rmtree(home, ignore_errors=True)
        return not home.exists()

    until(gone, 5.0)


def _signal(child: subprocess.Popen[bytes], number: int) -> None:
    try:
        os.killpg(child.pid, number)
    except ProcessLookupError:
        child.poll()
