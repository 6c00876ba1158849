"""`overtd capture` on a real display: prompt, badge, allow-list, account."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from Xlib import error

from overt_producer.home import Home
from overt_schemas import codec
from overt_schemas.records import Consent, Signed
from overt_schemas.signing import open_record
from tests.desktop.conftest import Server, require, until
from tests.desktop.driver import Driver
from tests.producer.fleet import POLICY_OF_TESTS, Fleet
from tests.producer.opening import frames, inputs, opened, rasters, rows, typed

pytestmark = [pytest.mark.desktop, pytest.mark.timeout(120)]
AGREE = "I agree"
RULES = replace(POLICY_OF_TESTS, group="demo", synthetic=False, hold_back_ms=400)
OVERTD = (sys.executable, "-m", "overt_producer")


@pytest.fixture
def server() -> Iterator[Server]:
    require("Xvfb", "openbox", "mousepad", "xterm", "dbus-run-session")
    running = Server()
    yield running
    running.close()


@pytest.fixture
def driver(server: Server) -> Iterator[Driver]:
    hand = Driver(server.name)
    yield hand
    with suppress(error.ConnectionClosedError):  # one test takes the display away
        hand.close()


@pytest.fixture
def fleet() -> Fleet:
    return Fleet(policy=RULES)


@pytest.fixture
def home(fleet: Fleet, tmp_path: Path) -> Home:
    enrolled = fleet.enrol(tmp_path / "home")
    fleet.send(enrolled, fleet.beacon(time.time_ns() // 1_000_000, valid_s=300))
    return enrolled


class Overtd:
    """A capture process and the person's command line beside it."""

    def __init__(self, home: Home, environment: dict[str, str], *flags: str) -> None:
        self.home, self.environment = home, environment
        self.log = (home.path.parent / "capture.log").open("w+b")
        self.process = subprocess.Popen(
            [*OVERTD, "capture", "--home", str(home.path), *flags],
            env=environment, stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def status(self) -> dict[str, Any]:
        argv = [*OVERTD, "status", "--home", str(self.home.path), "-o", "json"]
        done = subprocess.run(argv, env=self.environment, capture_output=True, check=True)
        return dict(json.loads(done.stdout))

    def stop(self) -> tuple[int, dict[str, Any]]:
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(10)
        return code, dict(json.loads(self.home.file("last_run.json").read_text()))

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(5)
        self.log.close()

    def last_line(self) -> str:
        self.log.seek(0)
        return self.log.read().decode().splitlines()[-1]


@pytest.fixture
def overtd(home: Home, server: Server) -> Iterator[Overtd]:
    running = Overtd(home, server.environment)
    yield running
    running.close()


def agree(driver: Driver) -> None:
    button = until(lambda: driver.find_named("OvertConsent", AGREE), "the prompt shows", 20)
    size = button.get_geometry()
    where = driver.root.translate_coords(button, 0, 0)
    driver.click(where.x + size.width // 2, where.y + size.height // 2)


def test_what_is_typed_in_the_allowed_editor_is_sealed_and_nothing_else(
    server: Server, driver: Driver, fleet: Fleet, home: Home, overtd: Overtd, tmp_path: Path
) -> None:
    server.environment |= {
        "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "XDG_DATA_HOME": str(tmp_path / "data"), "XDG_RUNTIME_DIR": str(tmp_path),
        "GSETTINGS_BACKEND": "memory",
    }  # fmt: skip
    server.run("dbus-run-session", "--", "mousepad", "--disable-server", str(tmp_path / "note.txt"))
    server.run("xterm", "-geometry", "40x8+700+560")
    agree(driver)
    until(lambda: overtd.status()["capturing"], "capture begins", 20)
    driver.offered = 0

    for wm_class, text in (
        ("Mousepad", "open the door"),
        ("XTerm", "for nobody"),
        ("Mousepad", "again"),
    ):
        x, y = click_in(driver, wm_class)
        until(lambda c=wm_class: focused(driver) == c, "it has the focus")  # type: ignore[misc]
        if wm_class == "Mousepad":
            until(lambda: "note.txt" in title(driver, "Mousepad"), "the editor is ready")
        driver.move(x + 1, y)
        heard(overtd, driver)
        driver.type(text)
        heard(overtd, driver)
    code, account = overtd.stop()

    assert code == 0
    batches = opened(fleet, home)
    assert typed(inputs(batches)) == "open the dooragain"
    assert account["captured"] == driver.offered
    assert account["captured"] == account["admitted"] + sum(account["dropped"].values())
    assert set(account["dropped"]) <= {"policy", "no_focus"}
    assert sum(account["dropped"].values()) >= 2 * len("for nobody")
    pictures = list(rasters(frames(batches)))
    assert pictures
    assert all(is_grey_at(pixels, frame.width, 900, 600) for frame, pixels in pictures)
    assert receipt(home).decision == "agreed"
    assert receipt(home).method == "x11"


def click_in(driver: Driver, wm_class: str) -> tuple[int, int]:
    window = until(lambda: driver.find(wm_class), "the window shows", 20)
    size = window.get_geometry()
    where = driver.root.translate_coords(window, 0, 0)
    x, y = where.x + size.width // 2, where.y + size.height // 2
    driver.click(x, y)
    return x, y


def title(driver: Driver, wm_class: str) -> str:
    window = driver.find(wm_class)
    atom = driver.display.intern_atom
    name = window and window.get_full_property(atom("_NET_WM_NAME"), atom("UTF8_STRING"))
    return name.value.decode() if name else ""


def focused(driver: Driver) -> str:
    """Return the class of the window that gets the keys."""
    window = driver.display.get_input_focus().focus
    while not isinstance(window, int) and window != driver.root:
        if found := window.get_wm_class():
            return str(found[1])
        window = window.query_tree().parent
    return ""


def heard(overtd: Overtd, driver: Driver) -> None:
    """Wait as a hand does: what is typed this close to a change of window belongs to nobody."""
    until(lambda: overtd.status()["captured"] >= driver.offered, "all was heard", 20)


def is_grey_at(pixels: bytes, width: int, x: int, y: int) -> bool:
    raster = np.frombuffer(pixels, np.uint8).reshape(-1, width, 4)
    return bool((raster[y, x, :3] == 0x80).all())


def receipt(home: Home) -> Consent:
    signed = codec.decode(rows(home.spool, "consent")[-1], Signed)
    return open_record(signed, home.signer().public_bytes(), Consent)


def test_escape_at_the_prompt_ends_with_one_line_and_nothing_captured(
    driver: Driver, home: Home, overtd: Overtd
) -> None:
    until(lambda: driver.find_named("OvertConsent", AGREE), "the prompt shows", 20)

    driver.tap(0xFF1B)

    assert overtd.process.wait(20) == 1
    assert overtd.last_line() == "consent was refused: nothing was captured"
    assert rows(home.spool) == []
    assert receipt(home).decision == "refused"


def test_a_badge_that_is_taken_away_ends_capture(
    server: Server, driver: Driver, home: Home, overtd: Overtd
) -> None:
    agree(driver)
    until(lambda: overtd.status()["capturing"], "capture begins", 20)

    until(lambda: driver.find("OvertIndicator"), "the badge shows").kill_client()
    driver.display.sync()

    assert overtd.process.wait(20) == 1
    assert "badge was taken off the screen" in overtd.last_line()


def test_a_display_that_goes_away_ends_capture_with_its_account(
    server: Server, driver: Driver, fleet: Fleet, home: Home, overtd: Overtd
) -> None:
    agree(driver)
    until(lambda: overtd.status()["capturing"], "capture begins", 20)
    driver.move(300, 300)
    until(lambda: overtd.status()["captured"] > 0, "something was captured", 20)

    server.xvfb.kill()

    assert overtd.process.wait(20) == 1
    account = json.loads(home.file("last_run.json").read_text())
    assert account["captured"] == account["admitted"] + sum(account["dropped"].values())


def test_a_real_display_is_refused_under_a_policy_for_simulated_persons(
    server: Server, tmp_path: Path
) -> None:
    simulated = Fleet(policy=POLICY_OF_TESTS)
    home = simulated.enrol(tmp_path / "simulated")
    simulated.send(home, simulated.beacon(time.time_ns() // 1_000_000, valid_s=300))
    running = Overtd(home, server.environment)
    try:
        assert running.process.wait(20) == 4
        assert "simulated persons" in running.last_line()
    finally:
        running.close()


@pytest.mark.parametrize(
    ("environment", "words"),
    [({"DISPLAY": ""}, "no X display"), ({"XDG_SESSION_TYPE": "wayland"}, "Wayland")],
    ids=["no display", "wayland"],
)
def test_a_desktop_that_cannot_be_captured_gets_one_line(
    environment: dict[str, str], words: str, home: Home
) -> None:
    clean = {k: v for k, v in os.environ.items() if k != "WAYLAND_DISPLAY"}
    running = Overtd(home, {**clean, **environment})
    try:
        assert running.process.wait(20) == 1
        assert words in running.last_line()
    finally:
        running.close()
