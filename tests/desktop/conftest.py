"""A private X display for each test session: Xvfb, openbox, and an editor where one is asked for.

Where Xvfb is missing the tests marked ``desktop`` are left out and one line says so
(``tests/left_out.py``); with ``OVERT_REQUIRE_DESKTOP=1`` they run and fail.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from tests.desktop.driver import Driver
from tests.desktop.painter import Painter
from tests.left_out import DESKTOP as NEEDED
from tests.left_out import HOW, absent

SIZE = "1280x800x24"
T = TypeVar("T")


def require(*programs: str) -> None:
    if lacking := absent(*programs):
        pytest.fail(f"desktop tests need {', '.join(lacking)}: {HOW}", pytrace=False)


def until(found: Callable[[], T | None], what: str, timeout_s: float = 10.0) -> T:
    """Poll for a truthy value; the one way in which tests here wait."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if value := found():
            return value
        time.sleep(0.01)
    raise AssertionError(f"not within {timeout_s} s: {what}")


def ended(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(5)


class Server:
    """One Xvfb with a window manager."""

    def __init__(self, size: str = SIZE, *, with_manager: bool = True) -> None:
        read, write = os.pipe()
        command = ["Xvfb", "-displayfd", str(write), "-screen", "0", size]
        self.xvfb = subprocess.Popen(
            [*command, "-nolisten", "tcp", "-noreset"],
            pass_fds=[write],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(write)
        with os.fdopen(read) as pipe:
            number = pipe.readline().strip()
        if not number:
            ended(self.xvfb)
            raise AssertionError("Xvfb did not start")
        self.name = f":{number}"
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if name not in {"WAYLAND_DISPLAY", "XDG_SESSION_TYPE", "XAUTHORITY"}
        } | {"DISPLAY": self.name, "NO_AT_BRIDGE": "1"}
        self.programs: list[subprocess.Popen[bytes]] = []
        if with_manager:
            self.run("openbox", "--sm-disable")
            until(self._is_managed, "openbox manages the display and gives the focus")

    def _is_managed(self) -> bool:
        """Whether a new window gets a frame and the focus; early ones get neither."""
        painter = Painter(self.name)
        window = painter.window("Probe", 0, 0, 20, 20)
        deadline = time.monotonic() + 0.3
        try:
            while time.monotonic() < deadline:
                if painter.display.get_input_focus().focus == window:
                    return True
                time.sleep(0.01)
            return False
        finally:
            painter.close()

    def run(self, *command: str) -> subprocess.Popen[bytes]:
        program = subprocess.Popen(
            command,
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.programs.append(program)
        return program

    def close(self) -> None:
        for program in reversed(self.programs):
            if program.poll() is None:
                os.killpg(program.pid, signal.SIGTERM)
                ended(program)
        ended(self.xvfb)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """The display that most tests share; a test must close what it opens."""
    require(*NEEDED)
    one = Server()
    yield one
    one.close()


@pytest.fixture
def display(server: Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of the shared display, which is ``$DISPLAY`` for the test."""
    return pointed_at(server, monkeypatch)


@pytest.fixture
def own_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A display of the test's own, to be shrunk or killed."""
    require(*NEEDED)
    one = Server()
    pointed_at(one, monkeypatch)
    yield one
    one.close()


def pointed_at(server: Server, monkeypatch: pytest.MonkeyPatch) -> str:
    for name in ("WAYLAND_DISPLAY", "XDG_SESSION_TYPE", "XAUTHORITY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DISPLAY", server.name)
    return server.name


@pytest.fixture
def driver(display: str) -> Iterator[Driver]:
    """A person at the shared display."""
    one = Driver(display)
    yield one
    one.close()


@pytest.fixture
def editor(server: Server, display: str, driver: Driver, tmp_path: Path) -> Iterator[str]:
    """Mousepad with an empty file, in front and focused; the value is its application id."""
    environment = server.environment | {
        "HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "XDG_DATA_HOME": str(tmp_path / "data"),
        "XDG_RUNTIME_DIR": str(tmp_path),
        "GSETTINGS_BACKEND": "memory",
    }
    program = subprocess.Popen(
        ["dbus-run-session", "--", "mousepad", "--disable-server", str(tmp_path / "note.txt")],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    until(lambda: driver.find("Mousepad"), "mousepad is on the screen", 20)
    yield "mousepad"
    os.killpg(program.pid, signal.SIGTERM)
    ended(program)
    until(lambda: driver.find("Mousepad") is None, "mousepad is gone")
