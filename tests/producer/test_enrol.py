"""Enrolment, renewal and registered consents, over real TLS."""

import datetime as dt
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from overt_producer.control.authority import AuthorityClient
from overt_producer.control.board import Board
from overt_producer.control.enrol import enrol, request_of
from overt_producer.errands import Errands, is_renewal_due
from overt_producer.home import Home
from overt_producer.simulate.__main__ import read_tokens
from overt_schemas.errors import Malformed, Permanent, Refused, Transient
from tests.producer.authority_twin import NOW, AuthorityTwin
from tests.producer.desks import Sitting
from tests.producer.fleet import Fleet


@pytest.fixture
def fleet() -> Fleet:
    return Fleet()


@pytest.fixture
def twin(fleet: Fleet, tmp_path: Path) -> Iterator[AuthorityTwin]:
    with AuthorityTwin(fleet, tmp_path) as running:
        yield running


@pytest.fixture
def home(twin: AuthorityTwin, tmp_path: Path) -> Home:
    made = Home(tmp_path / "home")
    enrol(made, twin.url, twin.ca, "good")
    return made


def test_a_token_makes_an_endpoint_that_can_capture(home: Home, fleet: Fleet) -> None:
    assert home.enrolled().person == "p-1"
    assert home.enrolled().root_public == fleet.root.public_bytes()
    assert home.path.stat().st_mode & 0o777 == 0o700
    assert {f.stat().st_mode & 0o777 for f in home.path.iterdir()} == {0o600}

    sitting = Sitting(fleet, home)
    sitting.beacon()
    sitting.live(1)

    assert sitting.endpoint.is_capturing
    sitting.stop()


def test_a_refused_token_leaves_nothing_enrolled_and_may_be_tried_again(
    twin: AuthorityTwin, tmp_path: Path
) -> None:
    home = Home(tmp_path / "home")

    with pytest.raises(Refused, match="bad_token"):
        enrol(home, twin.url, twin.ca, "stale")

    with pytest.raises(Permanent, match="not enrolled"):
        home.enrolled()
    enrol(home, twin.url, twin.ca, "good")
    assert home.enrolled().group == "sim"


def test_an_answer_that_got_lost_is_asked_for_with_the_same_keys(
    twin: AuthorityTwin, tmp_path: Path
) -> None:
    home = Home(tmp_path / "home")
    enrol(home, twin.url, twin.ca, "good")
    home.file("identity.json").unlink()

    enrol(home, twin.url, twin.ca, "good")

    assert twin.keys[0] == twin.keys[1]


def test_enrolled_is_enrolled(home: Home, twin: AuthorityTwin) -> None:
    with pytest.raises(Permanent, match="already"):
        enrol(home, twin.url, twin.ca, "good")


def test_another_ca_or_no_authority_at_all_is_one_line(
    twin: AuthorityTwin, fleet: Fleet, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    foreign = AuthorityTwin(fleet, other)
    foreign.__enter__()
    foreign.__exit__()

    for url, ca, error in (
        (twin.url, foreign.ca, Transient),
        (foreign.url, twin.ca, Transient),
        (twin.url, tmp_path / "none.pem", Malformed),
    ):
        with pytest.raises(error) as raised:
            enrol(Home(tmp_path / "home"), url, ca, "good")
        assert "\n" not in str(raised.value)


def test_the_command_takes_its_token_from_a_file(twin: AuthorityTwin, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("good\n")
    argv = [sys.executable, "-m", "overt_producer", "enrol", "--home", str(tmp_path / "home"),
            "--authority", twin.url, "--ca", str(twin.ca)]  # fmt: skip

    done = subprocess.run(
        [*argv, "--token-file", str(token)], capture_output=True, text=True, check=False
    )
    wrong = subprocess.run(
        [*argv[:4], str(tmp_path / "second"), *argv[6:], "--token", "stale"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert wrong.returncode in (2, 4)
    assert "good" not in done.stdout + done.stderr


def test_a_certificate_is_renewed_when_a_third_of_its_life_is_left(
    home: Home, twin: AuthorityTwin
) -> None:
    assert not is_renewal_due(home, NOW)
    assert is_renewal_due(home, NOW + dt.timedelta(hours=9))

    client = AuthorityClient.of(home)
    before = home.file("transport.pem").read_text()
    home.write("transport.pem", client.certificate(request_of(home)))
    client.close()

    assert home.file("transport.pem").read_text() != before
    assert ("/v1/certificate", True) in twin.asked


def test_errands_learn_of_registered_consents_and_renew(fleet: Fleet, tmp_path: Path) -> None:
    with AuthorityTwin(fleet, tmp_path, life=dt.timedelta(hours=6)) as twin:
        home = Home(tmp_path / "home")
        enrol(home, twin.url, twin.ca, "good")
        errands, board = Errands(home), Board(home.control)
        registered = threading.Event()
        errands.want("c-1")
        errands.open()
        for _ in range(200):
            if twin.asked[-1][0].endswith("c-1"):
                twin.registered.add("c-1")
            if board.is_registered("c-1") and errands.certificates:
                registered.set()
                break
            registered.wait(0.1)
        errands.close()
        board.close()

    assert registered.is_set()


@pytest.mark.parametrize(
    "text", ['["a", "b"]', '{"tokens": ["a", "b"]}', "a\nb\n"], ids=["list", "object", "lines"]
)
def test_tokens_are_read_in_every_shape(text: str) -> None:
    assert read_tokens(text) == ["a", "b"]
    assert json.dumps(read_tokens(text))
