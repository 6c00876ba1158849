"""A person's evening for the canary tests: an editor that may be recorded, one that may not.

On a private display: the consent prompt is answered, a text typed into the allowed editor and
another into xterm, and a pattern shown by a window of the allowed class.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from overt_ops.demo import admin, script
from overt_ops.demo.admin import Door
from overt_ops.demo.display import PrivateDisplay
from overt_ops.demo.driver import Driver
from overt_ops.demo.endpoint import Endpoint
from overt_ops.demo.waiting import until
from overt_ops.devstack import Running
from tests.desktop.painter import PATTERN, Painter
from tests.walk.forms import Canary
from tests.walk.scanner import Report, scan

# Short, and typed often: what a second cuts in two lies in two batches, and nowhere whole.
ALLOWED = "zebraq739"
FORBIDDEN = "violet284"
TIMES = 5
TEXTS = (ALLOWED, FORBIDDEN)


def canary(text: str, *, shown: bool) -> Canary:
    """Return what to look for; the allowed editor's window also showed a pattern."""
    pixels = np.zeros((4, 16, 4), np.uint8)
    pixels[:] = [PATTERN & 0xFF, PATTERN >> 8 & 0xFF, PATTERN >> 16 & 0xFF, 0xFF]
    return Canary(text=text, pixels=pixels if shown else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evening:
    """What came of it: the endpoint's account, and where its files lie."""

    account: dict[str, Any]
    home: Path
    spool: dict[str, Report]  # by text: what lay in the endpoint's files before they were shipped


def door(running: Running) -> Door:
    """Return the authority's door for alice."""
    layout = running.layout
    return Door(
        url=running.authority_url, ca=layout.service_ca, principal=layout.principal("alice")
    )


@contextmanager
def desk() -> Iterator[tuple[Driver, PrivateDisplay]]:
    """A private display with an editor and another application."""
    with PrivateDisplay() as screen, Driver(screen.name) as driver:
        assert until(driver.is_managed, 20)
        screen.run("mousepad", "--disable-server")
        script.appear(driver, script.EDITOR, 30)
        screen.run("xterm", "-geometry", "40x8+880+560")
        script.appear(driver, script.ASIDE, 30)
        yield driver, screen


def spend(running: Running, folder: Path, extra: Mapping[str, str]) -> Evening:
    """Enrol an endpoint, type both texts, stop; ``extra`` goes into the endpoint's environment."""
    with desk() as (driver, screen):
        environment = {**screen.environment(), **extra}
        with Endpoint(home=folder / "endpoint", environment=environment, logs=folder) as endpoint:
            token = admin.tokens(door(running), "demo", 1)[0]
            endpoint.enrol(running.authority_url, running.layout.service_ca, token)
            endpoint.start()
            script.agree(driver)
            assert until(lambda: bool(endpoint.status().get("capturing")), 60, 0.2)
            endpoint.stop_ship()
            _type(driver, screen)
            account = endpoint.stop_capture()
            assert _pending(endpoint) > 0
            spool = {text: scan([folder], canary(text, shown=True)) for text in TEXTS}
            endpoint.start_ship()
            assert until(lambda: _pending(endpoint) == 0, 60, 0.2)
            endpoint.stop_ship()
    return Evening(account=account, home=folder / "endpoint", spool=spool)


def _type(driver: Driver, screen: PrivateDisplay) -> None:
    script.turn_to(driver, script.ASIDE)
    driver.type(f"{FORBIDDEN} " * TIMES)
    script.turn_to(driver, script.EDITOR)
    driver.type(f"{ALLOWED} " * TIMES)
    painter = Painter(screen.name)
    try:
        window = painter.window("Mousepad", 60, 500, 200, 120)
        assert until(lambda: driver.has_focus(window), 5)
        # A frame interval and a half-second of hold-back, so that the pattern is in the data.
        driver.type("     ", pause_s=0.4)
    finally:
        painter.close()


def _pending(endpoint: Endpoint) -> int:
    value = (endpoint.status() or {"pending": {"unknown": 1}}).get("pending", 1)
    return sum(value.values()) if isinstance(value, dict) else int(value)
