"""From a script's keys to sealed records on disk, and everything that must stop them."""

import json
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from overt_producer import consent, offline
from overt_producer.control.board import BEACON, Board
from overt_producer.home import Home
from overt_producer.sources.events import InputKind
from overt_producer.sources.script import EDITOR, written
from overt_schemas import codec
from overt_schemas.envelope import batch as envelope
from overt_schemas.errors import Refused
from overt_schemas.records import BootEnd, Consent, Presence, Signed, Tombstone
from overt_schemas.signing import SigningKey, beacon_tag, open_record
from tests.producer.desks import Hand, Sitting
from tests.producer.fleet import POLICY_OF_TESTS, Fleet
from tests.producer.opening import frames, inputs, opened, rasters, rows, typed

CANARY = "xyzzy canary 4711"


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
    return begun


def signed_rows(home: Home, kind: str) -> list[Signed]:
    return [codec.decode(value, Signed) for value in rows(home.spool, kind)]


def presences(home: Home) -> list[Presence]:
    public = home.signer().public_bytes()
    return [open_record(s, public, Presence) for s in signed_rows(home, "presence")]


def receipts(home: Home) -> list[Consent]:
    public = home.signer().public_bytes()
    return [open_record(s, public, Consent) for s in signed_rows(home, "consent")]


def test_what_a_scripted_person_types_comes_out_of_the_spool_and_nothing_else(
    fleet: Fleet, home: Home
) -> None:
    script = written(seed=2, duration_ms=9000, editor_text=CANARY, other_text="for nobody")
    sitting = Sitting(fleet, home, script=script)
    sitting.beacon()
    sitting.live(script.duration_ms / 1000 + 1)
    account = sitting.stop()

    batches = opened(fleet, home)
    text = typed(inputs(batches))
    assert text.startswith(CANARY)
    assert "nobody" not in text
    in_editor = [
        event for event in script.inputs
        if event.kind is InputKind.KEY_DOWN and 0x20 <= event.keysym < 0x7F
        and front_at(script.fronts, event.t_ms) == EDITOR.app
    ]  # fmt: skip
    assert len(text) == len(in_editor)
    gaps = sum(gap.count for batch in inputs(batches) for gap in batch.gaps)
    events = sum(len(batch.kind) for batch in inputs(batches))
    assert account["offered"] == account["captured"] == len(script.inputs) == events + gaps
    assert {c.app for batch in inputs(batches) for c in batch.contexts} == {EDITOR.app}
    assert len(list(rasters(frames(batches)))) > 5
    assert inputs(batches)[-1].final
    assert frames(batches)[-1].ended == "stop"


def front_at(fronts: tuple[object, ...], t_ms: int) -> str:
    past = [front for front in fronts if front.t_ms <= t_ms]  # type: ignore[attr-defined]
    return str(past[-1].window.app) if past else ""  # type: ignore[attr-defined]


def test_nothing_on_disk_opens_the_spool_or_shows_what_was_typed(fleet: Fleet, home: Home) -> None:
    script = written(seed=2, duration_ms=3000, editor_text=CANARY)
    sitting = Sitting(fleet, home, script=script)
    sitting.beacon()
    sitting.live(8)
    sitting.stop()
    assert CANARY in typed(inputs(opened(fleet, home)))

    codes = [e.code for e in script.inputs if e.kind is InputKind.KEY_DOWN][: len(CANARY)]
    keysyms = [ord(c) for c in CANARY]
    needles = [
        CANARY.encode(), CANARY.encode("utf-16-le"), EDITOR.title.encode(),
        b"".join(code.to_bytes(2, "little") for code in codes[:6]),
        b"".join(sym.to_bytes(4, "little") for sym in keysyms[:6]),
    ]  # fmt: skip
    for file in home.path.iterdir():
        data = file.read_bytes()
        assert not any(needle in data for needle in needles), file.name
        assert file.stat().st_mode & 0o077 == 0, file.name
    with pytest.raises(Exception, match="does not open"):
        opened(Fleet(), home)


def test_without_a_beacon_nothing_is_captured(fleet: Fleet, home: Home) -> None:
    sitting = Sitting(fleet, home)

    sitting.live(3)
    account = sitting.stop()

    assert account["captured"] == 0
    assert rows(home.spool) == []
    assert not any(p.capturing for p in presences(home))


def test_a_lease_that_nobody_renews_ends_capture(sitting: Sitting, home: Home) -> None:
    sitting.live(1)
    sitting.beacon(valid_s=2)
    sitting.live(4)

    assert not sitting.endpoint.is_capturing
    assert sitting.endpoint.why_not == "lease"
    assert not sitting.desk.input.is_alive
    assert presences(home)[-1].stopped_ms > 0
    sitting.stop()


@pytest.mark.parametrize("how", ["group", "tag"])
def test_a_fleet_pause_takes_the_hooks_away_and_says_so(
    sitting: Sitting, fleet: Fleet, home: Home, how: str
) -> None:
    sitting.live(3)
    secret = home.identity().tag_secret
    changes: dict[str, object] = (
        {"paused_groups": ("sim",)}
        if how == "group"
        else {"tags": (beacon_tag(secret, fleet.number + 1),)}
    )
    sitting.beacon(600, **changes)
    sitting.live(0.2)

    assert not sitting.desk.input.is_alive
    assert sitting.endpoint.why_not == "pause"
    last = presences(home)[-1]
    assert (last.capturing, last.beacon) == (False, 2)
    sitting.live(2)
    sitting.stop()
    assert inputs(opened(fleet, home))[-1].ended == "pause"


def test_a_forged_beacon_opens_nothing(fleet: Fleet, home: Home) -> None:
    sitting = Sitting(fleet, home)
    forged = SigningKey.generate(fleet.authority.key_id).sign_record(
        fleet.beacon(sitting.hand().wall_ms)
    )
    board = Board(home.control)
    board.pin(BEACON, 1, "", codec.encode(forged))
    board.close()

    sitting.live(2)

    assert not sitting.endpoint.is_capturing
    sitting.stop()


def test_a_clock_that_is_set_back_ends_capture_until_a_new_beacon(sitting: Sitting) -> None:
    sitting.live(2)
    sitting.hand.wall_less_us = -60_000_000
    sitting.live(1)
    assert sitting.endpoint.why_not == "lease"

    sitting.beacon()
    sitting.live(0.2)

    assert sitting.endpoint.is_capturing
    sitting.stop()


def test_a_beacon_below_the_highest_is_refused_over_a_restart(
    sitting: Sitting, fleet: Fleet, home: Home
) -> None:
    sitting.beacon(paused_groups=("sim",))
    sitting.live(1)
    sitting.stop()
    home.control.unlink()
    fresh = fleet.enrol(home.path.parent / "other")
    home.control.write_bytes(fresh.control.read_bytes())
    fleet.number = 0

    again = Sitting(fleet, home, hand=Hand(elapsed_ms=60_000))
    again.beacon()
    again.live(1)

    assert again.endpoint.why_not == "lease"
    again.stop()


def test_the_persons_pause_and_resume_hold_at_once_and_over_a_restart(
    sitting: Sitting, fleet: Fleet, home: Home
) -> None:
    sitting.live(2)
    sitting.endpoint.pause()
    sitting.live(0.1)
    assert not sitting.endpoint.is_capturing
    sitting.stop()

    again = Sitting(fleet, home, hand=Hand(elapsed_ms=60_000))
    again.beacon()
    again.live(1)
    assert again.endpoint.why_not == "pause"
    again.endpoint.resume()
    again.live(0.2)

    assert again.endpoint.is_capturing
    again.stop()


def test_a_withdrawal_ends_the_activity_and_is_signed(
    sitting: Sitting, fleet: Fleet, home: Home
) -> None:
    sitting.live(3)
    sitting.endpoint.withdraw()
    sitting.live(2)
    sitting.stop()

    agreed, withdrawn = receipts(home)
    assert (agreed.decision, withdrawn.decision) == ("agreed", "withdrawn")
    assert agreed.consent == withdrawn.consent
    assert inputs(opened(fleet, home))[-1].ended == "consent"


def by_command(sitting: Sitting) -> None:
    sitting.endpoint.opt_out()


def by_marker(sitting: Sitting) -> None:
    sitting.home.write("opted-out", "")
    sitting.live(0.1)


@pytest.mark.parametrize("act", [by_command, by_marker])
def test_an_opt_out_leaves_no_content_anywhere_and_no_server_can_undo_it(
    sitting: Sitting, fleet: Fleet, home: Home, act: Callable[[Sitting], None]
) -> None:
    sitting.live(4)
    assert rows(home.spool)

    act(sitting)

    assert not sitting.desk.input.is_alive
    public = home.signer().public_bytes()
    for value in rows(home.spool):
        tombstone = codec.decode(value, Tombstone)
        envelope.verify_tombstone(tombstone, public)
        assert tombstone.reason == "opt_out"
    count = len(rows(home.spool))
    sitting.beacon()
    sitting.live(3)
    account = sitting.stop()
    assert len(rows(home.spool)) == count
    assert account["consent"] == "opted_out"
    assert account["held"] == 0
    assert receipts(home)[-1].decision == "withdrawn"

    fleet.policy = replace(POLICY_OF_TESTS, version=2)
    again = Sitting(fleet, home, hand=Hand(elapsed_ms=60_000))
    again.beacon()
    again.live(2)
    assert not again.endpoint.is_capturing
    again.stop()


def test_only_being_asked_again_and_agreeing_ends_an_opt_out(sitting: Sitting, home: Home) -> None:
    sitting.live(1)
    sitting.endpoint.opt_out()
    sitting.live(1)

    sitting.endpoint.ask_again()
    sitting.live(0.2)

    assert sitting.endpoint.is_capturing
    assert not home.opted_out.exists()
    sitting.stop()


def test_an_opt_out_needs_no_running_capture(sitting: Sitting, home: Home) -> None:
    sitting.live(3)
    sitting.stop()

    state = offline.withdraw(home, is_opt_out=True)

    assert state["consent"] == "opted_out"
    assert receipts(home)[-1].decision == "withdrawn"
    assert all(codec.decode(v, Tombstone).reason == "opt_out" for v in rows(home.spool))


def test_a_new_policy_is_captured_under_a_new_consent_only(
    sitting: Sitting, fleet: Fleet, home: Home
) -> None:
    sitting.live(2)
    fleet.policy = replace(POLICY_OF_TESTS, version=2, keep_titles=False)
    board = Board(home.control)
    board.pin("policy", 2, "sim", codec.encode(fleet.signed_policy()))
    board.close()
    sitting.beacon()
    sitting.live(3)
    sitting.stop()

    first, second = receipts(home)
    assert first.policy != second.policy
    batches = opened(fleet, home)
    assert {(b.period.policy, b.period.consent) for b in batches} == {
        (first.policy, first.consent), (second.policy, second.consent),
    }  # fmt: skip
    assert "policy" in {b.ended for b in inputs(batches)}


def test_a_scripted_source_is_refused_under_a_policy_for_real_persons(
    tmp_path: Path,
) -> None:
    fleet = Fleet(policy=replace(POLICY_OF_TESTS, synthetic=False))
    sitting = Sitting(fleet, fleet.enrol(tmp_path / "home"))
    sitting.beacon()

    with pytest.raises(Refused, match="real persons"):
        sitting.live(1)

    assert rows(sitting.home.spool) == []
    sitting.stop()


def test_a_boot_that_was_killed_is_stated_by_the_next_one(
    sitting: Sitting, fleet: Fleet, home: Home
) -> None:
    sitting.live(5)
    killed = sitting.endpoint.boot
    spooled = [len(inputs(opened(fleet, home))), len(frames(opened(fleet, home)))]
    held_s = (sitting.hand().wall_us - inputs(opened(fleet, home))[-1].start_us) / 1e6

    again = Sitting(fleet, home, hand=Hand(elapsed_ms=60_000))

    (signed,) = signed_rows(home, "boot_end")
    end = open_record(signed, home.signer().public_bytes(), BootEnd)
    assert (end.boot, end.next_boot) == (killed, again.endpoint.boot)
    assert [end.input_batches, end.frame_batches] == spooled
    assert not end.clean
    assert end.person == home.enrolled().person
    assert held_s <= 2.5  # the second under way, and the hold-back
    again.stop()
    third = Sitting(fleet, home, hand=Hand(elapsed_ms=90_000))
    ends = [open_record(s, home.signer().public_bytes(), BootEnd)
            for s in signed_rows(home, "boot_end")]  # fmt: skip
    assert [e.clean for e in ends] == [False, True]
    third.stop()


def test_what_waits_too_long_becomes_tombstones_also_while_paused(
    sitting: Sitting, home: Home
) -> None:
    sitting.live(4)
    sitting.endpoint.pause()
    sitting.live(1)
    count = len(rows(home.spool))
    assert count

    sitting.hand.elapsed_ms += 73 * 3_600_000
    sitting.live(0.2)

    left = [codec.decode(value, Tombstone) for value in rows(home.spool)]
    assert [t.reason for t in left] == ["age"] * count
    sitting.stop()


def test_a_listener_that_died_is_started_again(sitting: Sitting, home: Home) -> None:
    sitting.live(2)
    alive = [sitting.desk.input.is_alive]
    sitting.desk._stage._desktop.input.break_down()

    for seconds in (0.1, 1.5):
        sitting.live(seconds)
        alive.append(sitting.desk.input.is_alive)

    assert alive == [True, False, True]
    account = json.loads(json.dumps(sitting.stop()))
    assert account["captured"] == account["admitted"] + sum(account["dropped"].values())


def test_a_period_ends_with_its_time(fleet: Fleet, tmp_path: Path) -> None:
    fleet.policy = replace(POLICY_OF_TESTS, period_s=3)
    home = fleet.enrol(tmp_path / "home")
    sitting = Sitting(fleet, home)
    sitting.beacon()

    sitting.live(10)
    sitting.stop()

    periods = {b.head.period for b in opened(fleet, home)}
    assert periods == set(range(len(periods)))
    assert len(periods) >= 3


def test_the_status_is_json_without_content(sitting: Sitting) -> None:
    sitting.live(3)

    state = json.loads(json.dumps(sitting.endpoint.status()))

    assert state["capturing"] is True
    assert state["beacon"] == 1
    assert state["spooled"]["input"] > 0
    assert EDITOR.title not in json.dumps(state)
    sitting.stop()


def test_too_little_disk_is_one_line(
    fleet: Fleet, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    sitting = Sitting(fleet, home)
    sitting.beacon()
    sitting.live(1)
    monkeypatch.setattr("overt_producer.endpoint.free_bytes", lambda _: 1000)

    with pytest.raises(Exception, match="MB are free") as raised:
        sitting.live(3)

    assert str(raised.value).count("\n") == 0
    sitting.stop()


def test_the_spool_is_written_by_the_schema_it_documents(sitting: Sitting, home: Home) -> None:
    sitting.live(2)
    sitting.stop()

    db = sqlite3.connect(home.spool)
    tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type='table'")}
    db.close()

    assert {"records", "totals", "gaps", "boots"} <= tables


def test_no_answer_is_no_consent(fleet: Fleet, home: Home) -> None:
    sitting = Sitting(fleet, home)
    sitting.beacon()
    sitting.desk.ask = lambda notice, now_ms: None  # type: ignore[method-assign]

    with pytest.raises(Refused, match="nobody answered"):
        sitting.live(1)

    assert sitting.endpoint.authority.will == consent.Will()
    assert receipts(home) == []
    sitting.stop()
