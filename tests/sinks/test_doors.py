"""What the probe knocks on: real HTTP, real modes of a folder."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from overt_schemas.errors import Permanent, Transient
from overt_sinks.stores.doors import FolderDoors, S3Doors
from overt_sinks.stores.store import Keys

KEYS = Keys(access="ACCESS", secret="secret")


@contextmanager
def _server(*statuses: int) -> Iterator[tuple[str, list[tuple[str, str, dict[str, str]]]]]:
    """A server that answers with these in turn, the last for ever, and what it was asked."""
    left = list(statuses)
    asked: list[tuple[str, str, dict[str, str]]] = []

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            size = int(self.headers.get("content-length") or 0)
            self.rfile.read(size)
            asked.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}))
            self.send_response(left.pop(0) if len(left) > 1 else left[0])
            self.send_header("content-length", "0")
            self.end_headers()

        do_PUT = do_GET

        def log_message(self, *_: object) -> None:
            return

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("status", "is_open"), [(200, True), (307, True), (401, False), (403, False), (404, False)]
)
def test_a_stranger_is_answered_by_anything_but_a_refusal(status: int, is_open: bool) -> None:
    with _server(status) as (url, asked):
        doors = S3Doors(url, "hot", KEYS, f"{url}/buckets/")

        assert doors.answers_strangers("probe/x") is is_open
        assert doors.side_door_open() is is_open

    assert all("authorization" not in headers for _, _, headers in asked)


@pytest.mark.parametrize("status", [400, 405, 408, 429, 500, 502, 503])
def test_a_store_that_stumbles_has_refused_nobody(status: int) -> None:
    with _server(status) as (url, _):
        doors = S3Doors(url, "hot", KEYS, f"{url}/buckets/")

        with pytest.raises(Transient):
            doors.answers_strangers("probe/x")
        with pytest.raises(Transient):
            doors.side_door_open()


@pytest.mark.parametrize(("status", "taken"), [(200, True), (400, False)])
def test_a_wrong_checksum_is_sent_under_a_signature(status: int, taken: bool) -> None:
    with _server(200, status) as (url, asked):
        assert S3Doors(url, "hot", KEYS, "").takes_wrong_checksum("probe/x") is taken

    _, (command, path, headers) = asked
    assert (command, path) == ("PUT", "/hot/probe/x")
    assert headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=ACCESS/")
    assert "x-amz-checksum-sha256" in headers["authorization"]


@pytest.mark.parametrize("status", [401, 403, 404, 412])
def test_a_refusal_for_another_reason_says_nothing_about_checksums(status: int) -> None:
    with _server(200, status) as (url, _), pytest.raises(Permanent):
        S3Doors(url, "hot", KEYS, "").takes_wrong_checksum("probe/x")


def test_a_store_that_refuses_right_checksums_too_says_nothing_about_wrong_ones() -> None:
    with _server(400) as (url, asked), pytest.raises(Permanent):
        S3Doors(url, "hot", KEYS, "").takes_wrong_checksum("probe/x")

    assert len(asked) == 1


def test_a_side_door_that_is_no_address_was_not_tried() -> None:
    with pytest.raises(Transient):
        S3Doors("http://127.0.0.1:9", "hot", KEYS, "127.0.0.1:9/buckets/").side_door_open()


def test_a_side_door_that_says_nothing_was_not_tried() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"

        with pytest.raises(Transient):
            S3Doors("http://127.0.0.1:9", "hot", KEYS, url, patience_s=0.2).side_door_open()


def test_a_store_that_does_not_answer_proves_nothing() -> None:
    doors = S3Doors("http://127.0.0.1:9", "hot", KEYS, "http://127.0.0.1:9/")

    with pytest.raises(Transient):
        doors.answers_strangers("probe/x")
    with pytest.raises(Transient):
        doors.takes_wrong_checksum("probe/x")


def test_a_side_door_where_nobody_listens_is_shut() -> None:
    doors = S3Doors("http://127.0.0.1:9", "hot", KEYS, "http://127.0.0.1:9/")

    assert not doors.side_door_open()


@pytest.mark.parametrize(("mode", "is_open"), [(0o700, False), (0o750, True), (0o701, True)])
def test_a_folder_that_others_may_enter_is_open(tmp_path: Path, mode: int, is_open: bool) -> None:
    tmp_path.chmod(mode)

    assert FolderDoors(tmp_path).answers_strangers("probe/x") is is_open
    tmp_path.chmod(0o700)
