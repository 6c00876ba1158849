"""Which desktops are refused, and what the person is told."""

import pytest

from overt_producer.sources.platform import NEEDED, Facts, decide, display_number, probe

ALL = frozenset(NEEDED) | {"MIT-SHM", "XTEST"}


@pytest.mark.parametrize(
    ("facts", "reason", "next_step"),
    [
        pytest.param(
            Facts(system="linux", session="wayland", display=":0", extensions=ALL),
            "wayland",
            "Xorg session",
            id="wayland with xwayland",
        ),
        pytest.param(
            Facts(system="linux", wayland="wayland-0"), "wayland", "Xorg session", id="wayland"
        ),
        pytest.param(Facts(system="linux"), "no_display", "desktop session", id="no display"),
        pytest.param(
            Facts(system="linux", display=":9"), "unreachable", "XAUTHORITY", id="unreachable"
        ),
        pytest.param(
            Facts(system="linux", display=":0", extensions=ALL - {"RECORD"}),
            "extension",
            "RECORD",
            id="no record",
        ),
        pytest.param(
            Facts(system="linux", display="far.example:0"), "remote", "person sits", id="remote"
        ),
        pytest.param(Facts(system="darwin"), "system", "X11 session", id="macos"),
        pytest.param(Facts(system="win32"), "system", "X11 session", id="windows"),
    ],
)
def test_a_desktop_that_cannot_be_captured_whole_is_refused_in_one_line(
    facts: Facts, reason: str, next_step: str
) -> None:
    verdict = decide(facts)

    assert (verdict.can_capture, verdict.reason) == (False, reason)
    assert next_step in verdict.message
    assert "\n" not in verdict.message


@pytest.mark.parametrize(
    ("name", "number"),
    [(":0", 0), ("unix:3", 3), (":12.0", 12), ("far:0", None), ("127.0.0.1:0", None), ("", None)],
)
def test_only_displays_of_this_machine_have_a_number(name: str, number: int | None) -> None:
    assert display_number(name) == number


def test_a_missing_fast_path_is_said_and_not_refused() -> None:
    verdict = decide(Facts(system="linux", display=":0", extensions=ALL - {"MIT-SHM"}))

    assert verdict.can_capture
    assert verdict.missing == ("MIT-SHM",)


def test_a_display_nobody_serves_is_unreachable() -> None:
    assert probe({"DISPLAY": ":65001"}).reason == "unreachable"


@pytest.mark.desktop
def test_the_private_display_can_be_captured(display: str) -> None:
    assert probe({"DISPLAY": display}).can_capture
