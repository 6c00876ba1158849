"""What a person decided holds although the process died halfway through carrying it out."""

import sqlite3
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from overt_producer import consent, offline
from overt_producer.control.board import Board
from overt_producer.desk import Reply, ScriptedDesk
from overt_producer.home import Home
from overt_producer.ship import Ship
from overt_producer.spool.store import Spool
from overt_producer.will_store import WillStore
from overt_schemas import codec
from overt_schemas.ids import new_name
from overt_schemas.records import Consent, SealedBatch, Signed, Tombstone
from overt_schemas.signing import SigningKey, open_record
from tests.producer.desks import Hand, Sitting
from tests.producer.fleet import POLICY_OF_TESTS, Fleet
from tests.producer.opening import rows


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture
def fleet() -> Fleet:
    return Fleet()


@pytest.fixture
def home(fleet: Fleet, tmp_path: Path) -> Home:
    return fleet.enrol(tmp_path / "home")


@pytest.fixture
def sitting(fleet: Fleet, home: Home) -> Sitting:
    begun = Sitting(fleet, home)
    begun.beacon()
    begun.live(4)
    assert rows(home.spool)
    return begun


def killed_at(name: str, patch: pytest.MonkeyPatch) -> None:
    def die(*_: object) -> None:
        raise Killed

    patch.setattr(Spool, name, die)


def next_boot(fleet: Fleet, home: Home) -> Sitting:
    again = Sitting(fleet, home, hand=Hand(elapsed_ms=60_000))
    again.live(0.2)
    return again


def content(home: Home) -> list[object]:
    values = [codec.decode(v, SealedBatch, Tombstone) for v in rows(home.spool)]
    return [v for v in values if isinstance(v, SealedBatch)]


def decisions(home: Home) -> list[str]:
    public = home.signer().public_bytes()
    signed = [codec.decode(value, Signed) for value in rows(home.spool, "consent")]
    return [open_record(one, public, Consent).decision for one in signed]


def test_an_opt_out_that_was_cut_short_is_finished_by_the_next_start(
    sitting: Sitting, fleet: Fleet, home: Home
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        killed_at("drop_opted_out", patch)
        with pytest.raises(Killed):
            sitting.endpoint.opt_out()
    assert content(home)

    again = next_boot(fleet, home)

    assert content(home) == []
    assert decisions(home) == ["agreed", "withdrawn"]
    again.stop()


def test_an_opt_out_that_met_a_busy_spool_is_tried_again(sitting: Sitting, home: Home) -> None:
    with pytest.MonkeyPatch.context() as patch:
        killed_at("drop_opted_out", patch)
        with pytest.raises(Killed):
            sitting.endpoint.opt_out()

    sitting.live(0.1)

    assert content(home) == []


def test_an_opt_out_without_capture_that_was_cut_short_is_finished_by_the_next_start(
    sitting: Sitting, fleet: Fleet, home: Home
) -> None:
    sitting.stop()
    with pytest.MonkeyPatch.context() as patch:
        killed_at("drop_opted_out", patch)
        with pytest.raises(Killed):
            offline.withdraw(home, is_opt_out=True)

    again = next_boot(fleet, home)

    assert content(home) == []
    assert decisions(home) == ["agreed", "withdrawn"]
    again.stop()


def test_a_withdrawal_is_stated_although_the_process_died_before_it_said_so(
    sitting: Sitting, fleet: Fleet, home: Home
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        killed_at("say", patch)
        with pytest.raises(Killed):
            sitting.endpoint.withdraw()
    assert decisions(home) == ["agreed"]

    next_boot(fleet, home).stop()
    next_boot(fleet, home).stop()

    assert decisions(home) == ["agreed", "withdrawn"]


def test_a_withdrawal_without_capture_is_stated_although_it_was_cut_short(
    sitting: Sitting, home: Home
) -> None:
    sitting.stop()
    with pytest.MonkeyPatch.context() as patch:
        killed_at("say", patch)
        with pytest.raises(Killed):
            offline.withdraw(home, is_opt_out=False)

    offline.withdraw(home, is_opt_out=False)

    assert decisions(home) == ["agreed", "withdrawn"]


def refuse_a_newer_policy(home: Home) -> str:
    """Let the person refuse another policy after the one they had agreed to; return the first."""
    store = WillStore(home.file("will.db"), home.signer(), home.enrolled().person)
    will = store.will()
    assert will.receipt is not None
    newer = replace(will.receipt, consent="c-newer", policy="1" * 64, decision="refused")
    store.save_will(consent.decided(will, newer))
    store.close()
    return will.receipt.consent


@pytest.mark.parametrize("is_running", [True, False], ids=["capture runs", "no capture"])
@pytest.mark.parametrize("is_cut", [True, False], ids=["cut short", "whole"])
def test_an_opt_out_takes_back_what_stood_before_a_newer_policy_was_refused(
    sitting: Sitting, fleet: Fleet, home: Home, is_running: bool, is_cut: bool
) -> None:
    sitting.stop()
    first = refuse_a_newer_policy(home)
    again = Sitting(fleet, home, hand=Hand(elapsed_ms=60_000)) if is_running else None

    def opt_out() -> None:
        if again is not None:
            again.endpoint.opt_out()
        else:
            offline.withdraw(home, is_opt_out=True)

    if is_cut:
        with pytest.MonkeyPatch.context() as patch:
            killed_at("say", patch)
            with pytest.raises(Killed):
                opt_out()
        next_boot(fleet, home).stop()
    else:
        opt_out()
    public = home.signer().public_bytes()
    said = [codec.decode(value, Signed) for value in rows(home.spool, "consent")]
    receipts = [open_record(one, public, Consent) for one in said]

    assert (first, "withdrawn") in {(r.consent, r.decision) for r in receipts}


def test_ship_sends_no_content_once_the_marker_of_an_opt_out_is_there(home: Home) -> None:
    board = Board(home.control)
    board.register("c-1")
    board.close()
    ship = Ship(home)
    assert ship._may_publish("c-1")

    home.write("opted-out", "")

    assert not ship._may_publish("c-1")


def rewrite_will(home: Home, text: str) -> None:
    db = sqlite3.connect(home.file("will.db"))
    db.execute("INSERT OR REPLACE INTO memory (name, value) VALUES ('will', ?)", (text,))
    db.commit()
    db.close()


def will_text(home: Home) -> str:
    db = sqlite3.connect(home.file("will.db"))
    (text,) = db.execute("SELECT value FROM memory WHERE name = 'will'").fetchone()
    db.close()
    return str(text)


def test_no_file_gives_consent_that_this_device_did_not_sign(
    sitting: Sitting, fleet: Fleet, home: Home
) -> None:
    sitting.stop()
    # A fleet image: who agreed on one machine has agreed on none of the others.
    other = fleet.enrol(home.path.parent / "other")
    Sitting(fleet, other).stop()
    rewrite_will(other, will_text(home))

    again = Sitting(fleet, other, hand=Hand(elapsed_ms=60_000))

    assert again.endpoint.authority.will.receipt is None
    again.stop()


def test_a_receipt_on_disk_that_was_altered_is_none(sitting: Sitting, home: Home) -> None:
    sitting.endpoint.withdraw()
    sitting.stop()
    for plain in ("withdrawn", b"withdrawn".hex()):
        forged = "agreed   " if plain == "withdrawn" else b"agreed   ".hex()
        rewrite_will(home, will_text(home).replace(plain, forged))

    again = Sitting(sitting.fleet, home, hand=Hand(elapsed_ms=60_000))

    receipt = again.endpoint.authority.will.receipt
    assert receipt is None or receipt.decision == "withdrawn"
    again.stop()


def test_consent_of_one_person_does_not_cover_the_next_one_at_this_machine(
    sitting: Sitting, fleet: Fleet, home: Home
) -> None:
    sitting.stop()
    home.write_enrolled(replace(home.enrolled(), person=new_name("p")))

    again = Sitting(fleet, home, hand=Hand(elapsed_ms=60_000))

    assert again.endpoint.authority.will.receipt is None
    again.stop()


def test_an_opt_out_outlives_a_new_enrolment(sitting: Sitting, fleet: Fleet, home: Home) -> None:
    sitting.endpoint.opt_out()
    sitting.stop()
    home.write("signing.key", SigningKey.generate("new").seed().hex())

    again = Sitting(fleet, home, hand=Hand(elapsed_ms=60_000))
    again.beacon()
    again.live(2)

    assert again.endpoint.authority.will.is_opted_out
    assert not again.endpoint.is_capturing
    again.stop()


@pytest.mark.parametrize("act", ["opt_out", "withdraw"])
def test_an_answer_to_a_question_from_before_undoes_no_opt_out_and_no_withdrawal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    clicked, over, asked = threading.Event(), threading.Event(), list[int]()

    def ask(_: ScriptedDesk, notice: object, now_ms: int) -> Reply | None:
        del notice
        asked.append(now_ms)
        if len(asked) > 1:  # nobody answers the next one
            over.wait(10)
            return None
        clicked.wait(10)
        return Reply(decision="agreed", method="x11", shown_ms=now_ms, decided_ms=now_ms)

    monkeypatch.setattr(ScriptedDesk, "is_synthetic", False)
    monkeypatch.setattr(ScriptedDesk, "ask", ask)
    fleet = Fleet(policy=replace(POLICY_OF_TESTS, synthetic=False))
    sitting = Sitting(fleet, fleet.enrol(tmp_path / "home"))
    sitting.beacon()
    sitting.live(0.2)
    prompt = next(t for t in threading.enumerate() if t.name == "consent-prompt")
    clicked.set()
    prompt.join(10)

    getattr(sitting.endpoint, act)()
    sitting.live(0.5)

    assert not sitting.endpoint.is_capturing
    assert decisions(sitting.home) == []
    assert sitting.home.opted_out.exists() is (act == "opt_out")
    over.set()
