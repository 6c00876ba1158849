"""What happened counts only while somebody could see that it was captured."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from overt_producer.home import Home
from overt_producer.pipeline import Permit
from overt_producer.presence.indicator import IndicatorLost
from overt_schemas.errors import Permanent
from overt_schemas.records import FrameBatch
from tests.producer.days import OTHER, PAUSE, PERMIT, ZERO_US, Day, key
from tests.producer.desks import START_US, Sitting
from tests.producer.fleet import POLICY_OF_TESTS, Fleet
from tests.producer.opening import frames, inputs, opened


@dataclass(slots=True)
class Sign:
    """An indicator that a test can cover or take away."""

    lasts_ms: int = 1500
    is_covered: bool = False
    is_gone: bool = False
    says: str = ""

    def show(self) -> None:
        self.says = "recording"

    def check(self, now_ms: int) -> bool:
        del now_ms
        if self.is_gone:
            raise IndicatorLost
        return not self.is_covered

    def hide(self) -> None:
        self.says = "paused"


@dataclass(slots=True)
class Watched:
    """A sitting in front of such an indicator."""

    sitting: Sitting
    sign: Sign

    def times(self) -> list[int]:
        """Return when the admitted events and frames happened, in milliseconds of the script."""
        batches = opened(self.sitting.fleet, self.sitting.home)
        events = [
            b.start_us + int.from_bytes(b.dt[i : i + 4], "little", signed=True)
            for b in inputs(batches) for i in range(0, len(b.dt), 4)
        ]  # fmt: skip
        shown = [f.t_us for b in frames(batches) for f in b.frames]
        return [(us - START_US) // 1000 for us in events + shown]


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    fleet = Fleet()
    home: Home = fleet.enrol(tmp_path / "home")
    sitting, sign = Sitting(fleet, home), Sign()
    sitting.desk.indicator = sign
    sitting.beacon()
    return Watched(sitting=sitting, sign=sign)


def test_nothing_counts_from_the_last_look_that_saw_the_indicator(watched: Watched) -> None:
    watched.sitting.live(3)
    watched.sign.is_covered = True
    watched.sitting.live(1)
    account = watched.sitting.stop()

    assert watched.times()
    assert max(watched.times()) <= 3000
    dropped = account["dropped"]
    assert isinstance(dropped, dict)
    assert account["captured"] == int(str(account["admitted"])) + sum(dropped.values())


def test_what_came_while_capture_stood_still_and_could_not_look_does_not_count(
    watched: Watched,
) -> None:
    watched.sitting.live(6.5)
    watched.sitting.hand.elapsed_ms += 2500
    watched.sitting.live(2)
    watched.sitting.stop()

    assert any(t < 6500 for t in watched.times())
    assert any(t > 9000 for t in watched.times())
    assert [t for t in watched.times() if 6500 < t < 9000] == []


def test_what_came_before_the_indicator_was_found_gone_does_not_count(watched: Watched) -> None:
    watched.sitting.live(3)
    watched.sign.is_gone = True
    watched.sitting.hand.elapsed_ms += 2500

    with pytest.raises(Permanent, match="badge"):
        watched.sitting.live(0.1)
    watched.sitting.stop()

    assert max(watched.times()) <= 3000


def test_the_indicator_says_paused_also_when_no_hook_was_ever_in_place(watched: Watched) -> None:
    watched.sign.is_covered = True
    watched.sitting.live(1)
    assert watched.sign.says == "recording"

    watched.sitting.endpoint.pause()
    watched.sitting.live(0.1)

    assert watched.sign.says == "paused"
    watched.sitting.stop()


def narrowed() -> Permit:
    return Permit(
        beacon=8, until_us=PERMIT.until_us, policy="policy-2", rules=POLICY_OF_TESTS,
        consent="c-2", person="p-1",
    )  # fmt: skip


def test_a_picture_taken_under_other_terms_opens_no_activity() -> None:
    day = Day()
    day.tick(1000, shade=1)
    day.tick(1100, key(1050), shade=1)
    day.tick(1200, shade=2)
    day.gate = PAUSE
    day.tick(1300)
    day.gate = narrowed()
    day.tick(1400, key(1390))
    day.tick(1500, key(1450))
    day.until(2600, begin_ms=1600)

    (second,) = [b.record for b in day.batches if b.permit.consent == "c-2" and b.stream == 1]
    assert isinstance(second, FrameBatch)
    assert second.frames == ()


def test_a_picture_taken_after_the_lease_ran_out_is_in_no_later_activity() -> None:
    day = Day(gate=Permit(
        beacon=7, until_us=ZERO_US + 1_205_000, policy="policy-1", rules=POLICY_OF_TESTS,
        consent="c-1", person="p-1",
    ))  # fmt: skip
    day.tick(1000, shade=1)
    day.tick(1100, key(1050), shade=1)
    day.tick(1210, shade=9)
    day.gate = PERMIT
    day.tick(1300, key(1290))
    day.tick(1400, key(1350))
    day.until(2600, begin_ms=1500)

    assert ZERO_US + 1_210_000 not in [f.t_us for b in day.frames for f in b.frames]
    assert OTHER.app not in [c.app for b in day.inputs for c in b.contexts]
