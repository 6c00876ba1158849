"""`overt-sub tail`: what it prints, and what it says when it cannot begin."""

import io
import json

import pytest

from overt_schemas.columns import Kind
from overt_schemas.errors import Malformed
from overt_schemas.feed import ORIGIN, pack_origin
from overt_schemas.ids import SessionId
from overt_schemas.records import StoredPart
from overt_subscriber import Event
from overt_subscriber.cli import run
from overt_subscriber.feed import stored
from overt_subscriber.report import Report
from overt_subscriber.source import Unreadable
from overt_subscriber.tailing import Tail
from tests.subscriber.authority_twin import GRANT, PURPOSE, Twin

NOW_US = 1_764_000_000_000_000


def event(t_us: int, seq: int = 0, app: str = "ed") -> Event:
    return Event(
        session=SessionId(device=bytes(16), boot=bytes(16), activity=0), seq=seq, t_us=t_us,
        kind=Kind.KEY_DOWN, x=0, y=0, code=38, state=0, keysym=97, flags=0, layout=0, app=app,
        title="",
    )  # fmt: skip


def tail(*items: Event, table: bool, since_us: int | None = None, limit: int | None = None) -> str:
    out = io.StringIO()
    printer = Tail(out, lambda: NOW_US, table=table, limit=limit, since_us=since_us)
    for item in items:
        printer.item(item)
    printer.summary(Report())
    return out.getvalue()


def test_a_line_says_how_long_after_the_event_it_was_shown() -> None:
    shown, summary = map(json.loads, tail(event(NOW_US - 1_500_000), table=False).splitlines())

    assert (shown["latency_ms"], shown["text"]) == (1500, "a")
    assert summary["read"] == 0


def test_a_table_has_a_latency_column_and_no_signs_that_command_a_terminal() -> None:
    head, row, _ = tail(event(NOW_US - 1_500_000, app="\x1b[2Jed"), table=True).splitlines()

    assert "latency" in head
    assert "1.50 s" in row
    assert "\x1b" not in row


def test_new_and_events_bound_what_is_shown() -> None:
    events = [event(NOW_US - 10, 0), event(NOW_US + 1, 1), event(NOW_US + 2, 2)]

    *shown, _ = tail(*events, table=False, since_us=NOW_US, limit=1).splitlines()

    assert [json.loads(line)["seq"] for line in shown] == [1]


def test_a_tail_without_brokers_in_its_settings_says_so(
    twin: Twin, capsys: pytest.CaptureFixture[str]
) -> None:
    config = str(twin.config())

    code = run(["tail", "--config", config, "--grant", GRANT, "--purpose", PURPOSE])

    assert code == 2
    assert capsys.readouterr().err.count("\n") == 1


class Message:
    """A Kafka message as librdkafka gives it."""

    def __init__(self, value: bytes, headers: list[tuple[str, bytes]]) -> None:
        self._value, self._headers = value, headers

    def value(self) -> bytes:
        return self._value

    def headers(self) -> list[tuple[str, bytes]]:
        return self._headers

    def key(self) -> bytes:
        return b"k"


def test_a_feeds_record_is_what_the_store_would_hold() -> None:
    origin = pack_origin("topic-id", 3, 42, 7)

    record = stored(Message(b"\x00\x00\x00\x00\x0bvalue", [(ORIGIN, origin)]))

    assert record == StoredPart(
        topic_id="topic-id", partition=3, offset=42, append_ms=7, key=b"k", headers=(),
        schema_id=11, value=b"value",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("value", "headers"),
    [
        (b"\x00\x00\x00\x00\x0bvalue", []),
        (b"\x00\x00\x00\x00\x0bvalue", [(ORIGIN, b"short")]),
        (b"\x01\x00\x00\x00\x0bvalue", [(ORIGIN, pack_origin("t", 0, 0, 0))]),
        (b"", [(ORIGIN, pack_origin("t", 0, 0, 0))]),
    ],
)
def test_a_record_without_its_origin_or_frame_is_unreadable_and_no_crash(
    value: bytes, headers: list[tuple[str, bytes]]
) -> None:
    assert isinstance(stored(Message(value, headers)), Unreadable)


def test_a_password_file_that_is_not_there_is_a_matter_of_settings(twin: Twin) -> None:
    from overt_subscriber.settings import Kafka

    kafka = Kafka(
        bootstrap="localhost:1", ca=twin.folder / "ca.pem", username="alice",
        password_file=twin.folder / "none",
    )  # fmt: skip

    with pytest.raises(Malformed, match="password_file"):
        kafka.connection()


@pytest.mark.parametrize(
    ("ca", "bootstrap", "grant", "word"),
    [
        ("no certificate", "127.0.0.1:1", GRANT, "ca"),
        ("", "127.0.0.1:1", GRANT, "ca"),
        (None, "", GRANT, "bootstrap"),
        (None, "127.0.0.1:1", "no grant", "grant"),
    ],
    ids=["no PEM", "empty", "no bootstrap", "no id of a grant"],
)
def test_what_cannot_begin_for_its_settings_or_words_is_one_line_and_exit_2(
    twin: Twin, capsys: pytest.CaptureFixture[str], ca: str | None, bootstrap: str, grant: str,
    word: str,
) -> None:  # fmt: skip
    config, given = twin.config(), twin.folder / "ca.pem"
    if ca is not None:
        given = twin.folder / "kafka-ca.pem"
        given.write_text(ca)
    (twin.folder / "password").write_text("secret")
    config.write_text(
        config.read_text() + f'[kafka]\nbootstrap = "{bootstrap}"\nca = "{given}"\n'
        f'username = "alice"\npassword_file = "{twin.folder}/password"\n'
    )
    words = ["--config", str(config), "--grant", grant, "--purpose", PURPOSE, "--timeout", "1"]

    code = run(["tail", *words])

    err = capsys.readouterr().err
    assert code == 2
    assert err.count("\n") == 1
    assert word in err
