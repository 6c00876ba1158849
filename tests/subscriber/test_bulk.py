"""Bulk reading by ranges: the same bytes as ever, whatever a store answers."""

import contextlib
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from overt_schemas import api
from overt_schemas.errors import OvertError, Permanent, Refused, Transient
from overt_subscriber.bulk import LEAST_BYTES, Bulk
from overt_subscriber.runs import Run
from overt_subscriber.settings import Ranges
from tests.subscriber.authority_twin import certificates
from tests.subscriber.offering import SIZE, Twin, run, whole
from tests.subscriber.range_server import FAULTS, Server, serving


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


SETTINGS = Ranges(at_least_bytes=4 * SIZE, parallel=3)


@pytest.mark.parametrize("joined", [1, 2, 5, 11])
def test_a_large_reading_comes_from_the_store_and_is_the_same(server: Server, joined: int) -> None:
    runs = [run(number) for number in range(11)]
    twin = Twin(server, joined=joined)

    with Bulk(twin, SETTINGS) as bulk:
        body = bulk.read("g-1", runs)
        again = bulk.read("g-1", runs)

    assert body == again == whole(runs)
    assert [what for what, _ in twin.asked] == ["ranges", "ranges"]
    assert len(server.seen) == 2 * -(-11 // joined)


def test_the_store_is_told_the_range_and_nothing_of_us(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    runs = [run(number) for number in range(6)]

    with Bulk(Twin(server), SETTINGS) as bulk:
        assert bulk.read("g-1", runs) == whole(runs)

    assert len(server.seen) == 6
    for _, headers in server.seen:
        assert set(headers) == {"host", "accept-encoding", "range", "user-agent"}
        assert headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("which", [{2}, set(range(99))], ids=["one", "all"])
def test_what_a_store_does_not_bring_comes_from_the_authority(
    server: Server, fault: str, which: set[int]
) -> None:
    server.fault = lambda number: fault if number in which else ""
    runs = [run(number) for number in range(8)]
    twin = Twin(server)

    with Bulk(twin, SETTINGS) as bulk:
        body = bulk.read("g-1", runs)

    assert body == whole(runs)
    assert "/elsewhere" not in {path for path, _ in server.seen}
    missing = [len(names) for what, names in twin.asked if what == "read"]
    # One that was cut off on a connection that had served before is simply asked again.
    assert missing in ([[1], []] if which == {2} else [[8]])


def test_a_connection_that_was_closed_while_it_rested_is_no_failure(server: Server) -> None:
    server.fault = lambda _number: "then-closes"
    twin, runs = Twin(server), [run(number) for number in range(8)]

    with Bulk(twin, SETTINGS) as bulk:
        for _ in range(3):
            assert bulk.read("g-1", runs) == whole(runs)

    assert [what for what, _ in twin.asked] == ["ranges"] * 3


def test_a_reading_that_is_left_does_not_wait_for_a_store_that_hangs(server: Server) -> None:
    hangs, began = threading.Event(), time.monotonic()

    def hang(_number: int) -> str:
        asked.set()
        hangs.wait(30)
        return ""

    asked = threading.Event()
    server.fault = hang
    bulk = Bulk(Twin(server), SETTINGS)

    def read() -> None:
        with contextlib.suppress(Exception):  # an interrupted reading has no result
            bulk.read("g-1", [run(number) for number in range(8)])

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    assert asked.wait(10)

    bulk.__exit__(None, None, None)

    hangs.set()
    reader.join(10)
    assert time.monotonic() - began < 8


def test_a_store_that_brings_nothing_is_left_alone_for_a_while(server: Server) -> None:
    server.fault = lambda _number: "403"
    runs, now = [run(number) for number in range(8)], [0.0]
    twin = Twin(server)

    with Bulk(twin, SETTINGS, now_s=lambda: now[0]) as bulk:
        for seconds in (0.0, 10.0, 290.0, 301.0):
            now[0] = seconds
            assert bulk.read("g-1", runs) == whole(runs)

    assert [what for what, _ in twin.asked] == ["ranges", "read", "read", "read", "ranges", "read"]


@pytest.mark.parametrize(
    ("refusal", "asks_again"),
    [
        (Permanent("no", reason="not_offered"), False),
        (Transient("no", reason="log"), False),
        (Refused("no", reason=api.WRONG_IDENTITY), False),
        (Refused("no", reason=api.OUT_OF_SCOPE), True),
    ],
    ids=["404", "503", "old-authority", "refused"],
)
def test_where_none_are_offered_the_authority_reads_as_ever(
    server: Server, refusal: OvertError, asks_again: bool
) -> None:
    twin = Twin(server, refusal=refusal)
    runs = [run(number) for number in range(8)]

    with Bulk(twin, SETTINGS) as bulk:
        for _ in range(2):
            assert bulk.read("g-1", runs) == whole(runs)

    asked = [what for what, _ in twin.asked]
    assert asked == (["ranges", "read"] * 2 if asks_again else ["ranges", "read", "read"])
    assert server.seen == []


@pytest.mark.parametrize("fault", ["", "403"])
def test_small_runs_among_large_ones_come_from_the_authority_in_their_places(
    server: Server, fault: str
) -> None:
    server.fault = lambda number: fault if number == 1 else ""
    runs = [run(n, SIZE if n % 3 else 1000 + n) for n in range(12)]
    twin = Twin(server, joined=2)

    with Bulk(twin, SETTINGS) as bulk:
        assert bulk.read("g-1", runs) == whole(runs)

    (small,) = [set(names) for what, names in twin.asked if what == "read"]
    assert {"r0", "r3", "r6", "r9"} <= small
    assert len(small) == (6 if fault else 4)
    assert len(server.seen) == 4


def test_a_url_is_not_used_in_its_last_seconds(server: Server) -> None:
    twin, runs = Twin(server, valid_s=5), [run(number) for number in range(8)]

    with Bulk(twin, SETTINGS) as bulk:
        assert bulk.read("g-1", runs) == whole(runs)

    assert server.seen == []


@pytest.mark.parametrize(
    ("runs", "settings"),
    [
        ([run(1)], SETTINGS),
        ([run(n, LEAST_BYTES - 1) for n in range(100)], SETTINGS),
        ([run(n) for n in range(9)], Ranges(enabled=False)),
    ],
    ids=["small", "many-small", "switched-off"],
)
def test_ranges_are_not_asked_for_where_they_are_not_worth_it(
    server: Server, runs: list[Run], settings: Ranges
) -> None:
    twin = Twin(server)

    with Bulk(twin, settings) as bulk:
        assert bulk.read("g-1", runs) == whole(runs)
        bulk.segments("g-1", "", 1)

    assert [what for what, _ in twin.asked] == ["read", "list"]


@pytest.mark.parametrize("fault", ["403", "hang-up", "cut", "206-other"])
def test_nothing_that_is_told_or_shown_holds_a_url(
    server: Server, fault: str, capfd: pytest.CaptureFixture[str]
) -> None:
    import logging

    from overt_subscriber import telemetry

    logging.getLogger().setLevel(logging.DEBUG)
    telemetry.configure(verbose=True)
    server.fault = lambda _number: fault
    twin, runs = Twin(server), [run(number) for number in range(8)]
    try:
        with Bulk(twin, SETTINGS) as bulk:
            bulk.read("g-1", runs)
    finally:
        telemetry.configure(verbose=False)
        logging.getLogger().setLevel(logging.WARNING)

    told = "".join(capfd.readouterr())
    assert "range_failed" in told
    assert "secret" not in told + repr(twin.ranges("g-1", runs))
    assert "hot" not in told


def test_a_store_that_is_not_there_costs_time_and_nothing_else(server: Server) -> None:
    twin, runs = Twin(server), [run(number) for number in range(8)]
    twin.spoil = lambda answer: {
        **answer, "ranges": [
            {**row, "url": row["url"].replace(str(server.port), "1")} for row in answer["ranges"]
        ],
    }  # fmt: skip

    with Bulk(twin, SETTINGS) as bulk:
        assert bulk.read("g-1", runs) == whole(runs)

    assert server.seen == []


@pytest.mark.parametrize("is_known", [True, False], ids=["our-ca", "a-stranger"])
def test_over_tls_the_store_must_be_who_it_is_and_sees_no_certificate_of_ours(
    tmp_path: Path, is_known: bool
) -> None:
    certificates(tmp_path)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "server.pem", tmp_path / "server.key")
    tls.load_verify_locations(tmp_path / "ca.pem")
    tls.verify_mode = ssl.CERT_OPTIONAL  # asks for one
    runs = [run(number) for number in range(8)]
    ca = tmp_path / "ca.pem" if is_known else None

    with serving(tls) as server:
        twin = Twin(server)
        settings = Ranges(at_least_bytes=SIZE, ca=ca)
        with Bulk(twin, settings) as bulk:
            assert bulk.read("g-1", runs) == whole(runs)

    assert server.shown == ([None] * 8 if is_known else [])
    assert [what for what, _ in twin.asked] == ["ranges"] + ([] if is_known else ["read"])
