from dataclasses import replace as changed
from pathlib import Path

import pytest

from overt_schemas import api, codec
from overt_schemas.errors import Malformed, Permanent, Refused, Transient, Untrusted
from overt_schemas.signing import ROOT, SigningKey
from overt_subscriber import Rejected, Stored, Subscription
from overt_subscriber.authority import Authority
from overt_subscriber.settings import load
from overt_subscriber.values import Event, Gap, Item
from tests.subscriber.authority_twin import GRANT, PURPOSE, Twin, certificates
from tests.subscriber.sealing import Device, keyset, session, stored

WORDS = ("he", "llo", "", "wor", "ld", "!")


def read(
    twin: Twin, *, grant: str = GRANT, purpose: str = PURPOSE
) -> tuple[Subscription, list[Item]]:
    with Authority(twin.settings(), attempts=3, pause=lambda _: None) as authority:
        subscription = Subscription(
            Stored(authority, grant), authority, grant=grant, purpose=purpose
        )
        return subscription, list(subscription)


def test_pages_runs_and_releases_give_the_whole_session(twin: Twin) -> None:
    parts = session(Device(), WORDS)
    for at in range(0, len(parts), 4):  # a segment is two batches of each stream
        twin.add_run(parts[at : at + 4 : 2])
        twin.add_run(parts[at + 1 : at + 4 : 2])

    subscription, items = read(twin)

    assert "".join(chr(i.keysym) for i in items if isinstance(i, Event)) == "".join(WORDS)
    assert twin.released == len(parts) // 2  # once a segment, not once a batch
    assert twin.asked.count(api.RELEASE) < twin.released
    assert twin.asked.count(api.SEGMENTS) == 2
    assert subscription.report.is_sound


@pytest.mark.parametrize("code", [api.NO_GRANT, api.EXPIRED, api.NOT_APPROVED, api.NOT_YOURS])
def test_a_refusal_carries_the_authoritys_code(twin: Twin, code: str) -> None:
    twin.add(*session(Device(), WORDS))
    twin.refusal = code

    with pytest.raises(Refused) as caught:
        read(twin)

    assert caught.value.reason == code


def test_another_purpose_is_refused_before_any_key_is_released(twin: Twin) -> None:
    twin.add(*session(Device(), WORDS))

    with pytest.raises(Refused) as caught:
        read(twin, purpose="marketing")

    assert caught.value.reason == api.PURPOSE
    assert twin.released == 0


def test_a_segment_whose_key_is_refused_is_a_gap_with_the_code(twin: Twin) -> None:
    twin.add(*session(Device(), ("a",)))
    twin.refused_segments = api.NO_CONSENT

    subscription, items = read(twin)

    assert [i.reason for i in items if isinstance(i, Gap)] == [api.NO_CONSENT] * 2
    assert subscription.report.to_json()["refused"] == {api.NO_CONSENT: 2}
    assert subscription.report.read == 0


def test_a_key_that_is_not_the_segments_opens_nothing(twin: Twin) -> None:
    twin.add(*session(Device(), ("a",)))
    twin.spoil_key = lambda key: bytes(len(key))

    _, items = read(twin)

    assert [i for i in items if isinstance(i, Rejected)] == [
        Rejected(stage="open", reason="commitment")
    ] * 2


@pytest.mark.parametrize("field", ["segment", "header", "sealed", "signature"])
def test_a_part_changed_in_the_store_is_rejected(twin: Twin, field: str) -> None:
    part = session(Device(), ("a",))[0]
    value = bytearray(getattr(part, field))
    value[len(value) // 2] ^= 1
    twin.add(part)
    bad = changed(part, **{field: bytes(value)})  # type: ignore[arg-type]
    twin.rows[0] = changed(twin.rows[0], data=codec.pack(stored(bad)))

    subscription, items = read(twin)

    assert not [i for i in items if isinstance(i, Event)]
    assert sum(subscription.report.rejected.values()) == 1
    assert twin.released == 0


def test_a_wrap_changed_in_the_store_gives_no_key(twin: Twin) -> None:
    part = session(Device(), ("a",))[0]
    other = session(Device(boot=bytes(16)), ("a",))[0]
    twin.add(changed(part, wrap=other.wrap))

    _, items = read(twin)

    assert [i.reason for i in items if isinstance(i, Gap)] == ["wrap"]


def test_stored_bytes_that_are_no_records_are_rejected(twin: Twin) -> None:
    twin.add(*session(Device(), ("a",)))
    twin.spoil = lambda body: bytes(len(body))

    subscription, _ = read(twin)

    assert subscription.report.read == 0
    assert sum(subscription.report.rejected.values()) > 0


def test_an_answer_cut_short_is_asked_for_again_and_then_given_up(twin: Twin) -> None:
    twin.add(*session(Device(), ("a",)))
    twin.spoil = lambda body: body[:-1]

    with pytest.raises(Transient):
        read(twin)

    assert twin.asked.count(api.READ) == 3


def test_an_answer_that_is_too_long_is_not_read_to_its_end(twin: Twin) -> None:
    twin.add(*session(Device(), ("a",)))
    twin.spoil = lambda body: body + b"more"

    with pytest.raises(Malformed):
        read(twin)


def test_what_may_pass_is_tried_again_and_bounded(twin: Twin) -> None:
    twin.add(*session(Device(), ("a",)))
    twin.failures = 2
    subscription, _ = read(twin)
    assert subscription.report.read == 1

    twin.failures = 99
    with pytest.raises(Transient):
        read(twin)


def test_a_key_set_of_another_root_is_refused(twin: Twin) -> None:
    twin.keyset = keyset(root=SigningKey(ROOT, bytes([5]) * 32))

    with pytest.raises(Untrusted):
        read(twin)


def test_an_authority_of_another_ca_is_refused_at_once(twin: Twin, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    certificates(other)
    settings = twin.settings().model_copy(update={"ca": other / "ca.pem"})

    with Authority(settings, pause=lambda _: None) as authority, pytest.raises(Untrusted):
        authority.keyring()


def test_a_reader_of_another_ca_is_refused_at_once(twin: Twin, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    certificates(other)
    update = {"cert": other / "reader.pem", "key": other / "reader.key"}
    settings = twin.settings().model_copy(update=update)

    with Authority(settings, pause=lambda _: None) as authority, pytest.raises(Refused):
        authority.keyring()

    assert twin.asked == []


def test_an_authority_that_is_not_there_is_transient(twin: Twin) -> None:
    waited: list[float] = []
    settings = twin.settings().model_copy(update={"url": "https://127.0.0.1:1"})

    authority = Authority(settings, attempts=4, pause=waited.append)
    with authority, pytest.raises(Transient):
        authority.keyring()

    assert len(waited) == 3
    assert waited[0] < 0.2 < sum(waited) < 2


def test_keys_that_are_no_pem_are_a_settings_error(twin: Twin, tmp_path: Path) -> None:
    (tmp_path / "reader.key").write_text("no pem")

    with pytest.raises(Permanent) as caught:
        Authority(twin.settings())

    assert caught.value.reason == "settings"


def test_an_authority_is_asked_over_tls_alone(twin: Twin) -> None:
    path = twin.config()
    path.write_text(path.read_text().replace("https://", "http://"))

    with pytest.raises(Malformed):
        load(path)
