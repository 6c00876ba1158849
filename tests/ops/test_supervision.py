"""Restarts, back-off, giving up, stopping: every rule of the supervisor without a process."""

import pytest

from overt_ops.devstack.service import Probe, Service, from_json, to_json
from overt_ops.devstack.supervision import (
    Action,
    BecameReady,
    Event,
    Exited,
    Kill,
    Phase,
    Spawned,
    Start,
    Stop,
    Tick,
    Unit,
    Unsafe,
    next_to_stop,
    step,
)


def service(name: str = "sink", stage: int = 2) -> Service:
    return Service(
        name=name,
        argv=("true",),
        cwd="/",
        log="/dev/null",
        stage=stage,
        probe=Probe(port=1, refused_urls=("http://x",)),
        env={"A": "b"},
        stop_s=10.0,
        start_s=60.0,
    )


def after(*happenings: tuple[float, Event]) -> tuple[Unit, list[Action]]:
    unit, actions = Unit(service=service()), []
    for now, event in happenings:
        unit, action = step(unit, event, now)
        if action is not None:
            actions.append(action)
    return unit, actions


UP = ((0.0, Start()), (0.1, Spawned(pid=7)), (1.0, BecameReady()))


def test_a_started_service_becomes_ready() -> None:
    unit, actions = after(*UP)

    assert (unit.phase, unit.pid, actions) == (Phase.READY, 7, [Action.SPAWN])


def test_a_killed_service_is_started_again_after_a_fifth_of_a_second() -> None:
    unit, actions = after(*UP, (5.0, Exited(code=-9)), (5.1, Tick()), (5.2, Tick()))

    assert (unit.phase, unit.restarts) == (Phase.STARTING, 1)
    assert actions == [Action.SPAWN, Action.SPAWN]


def test_the_back_off_doubles_up_to_ten_seconds_and_health_forgets_it() -> None:
    unit, now, delays = Unit(service=service()), 0.0, []
    unit, _ = step(unit, Start(), now)
    for _ in range(8):
        unit, _ = step(unit, BecameReady(), now)
        unit, _ = step(unit, Exited(code=1), now)
        delays.append(round(unit.deadline - now, 3))
        now = unit.deadline
        unit, _ = step(unit, Tick(), now)
    unit, _ = step(unit, BecameReady(), now)
    unit, _ = step(unit, Exited(code=1), now + 30)

    assert delays == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0]
    assert unit.deadline - (now + 30) == pytest.approx(0.2)


@pytest.mark.parametrize("code", [2, 5], ids=["its settings are wrong", "a person must decide"])
def test_an_exit_that_nothing_heals_is_final(code: int) -> None:
    unit, actions = after(*UP, (5.0, Exited(code=code)), (99.0, Tick()))

    assert (unit.phase, unit.reason, actions) == (Phase.FAILED, f"exit {code}", [Action.SPAWN])


def test_a_service_that_never_was_ready_is_given_up_after_five_exits() -> None:
    happenings: list[tuple[float, Event]] = [(0.0, Start())]
    for n in range(5):
        happenings += [(100.0 * n + 1, Exited(code=1)), (100.0 * n + 50, Tick())]

    unit, actions = after(*happenings)

    assert (unit.phase, len(actions)) == (Phase.FAILED, 5)


@pytest.mark.parametrize("code", [70, 75], ids=["watchdog", "try later"])
def test_a_service_that_asks_to_be_tried_later_is_never_given_up(code: int) -> None:
    happenings: list[tuple[float, Event]] = [(0.0, Start())]
    for n in range(20):
        happenings += [(100.0 * n + 1, Exited(code=code)), (100.0 * n + 50, Tick())]

    unit, _ = after(*happenings)

    assert (unit.phase, unit.restarts) == (Phase.STARTING, 20)


def test_a_start_that_hangs_is_killed() -> None:
    _, actions = after((0.0, Start()), (0.1, Spawned(pid=7)), (59.9, Tick()), (60.1, Tick()))

    assert actions == [Action.SPAWN, Action.KILL]


def test_a_stop_is_asked_first_and_forced_after_its_time() -> None:
    unit, actions = after(
        *UP, (5.0, Stop()), (14.9, Tick()), (15.1, Tick()), (15.2, Exited(code=-9))
    )

    assert actions == [Action.SPAWN, Action.TERMINATE, Action.KILL]
    assert unit.phase is Phase.STOPPED


def test_a_stopped_service_stays_down() -> None:
    unit, actions = after(*UP, (5.0, Stop()), (6.0, Exited(code=0)), (99.0, Tick()))

    assert (unit.phase, actions) == (Phase.STOPPED, [Action.SPAWN, Action.TERMINATE])


def test_a_restart_starts_again_when_the_old_process_is_gone() -> None:
    unit, actions = after(*UP, (5.0, Stop(again=True)), (6.0, Exited(code=0)))

    assert (unit.phase, actions[-1]) == (Phase.STARTING, Action.SPAWN)


def test_a_killed_service_stays_away_until_it_is_started_again() -> None:
    unit, actions = after(*UP, (5.0, Kill()), (5.1, Exited(code=-9)), (99.0, Tick()))

    assert (unit.phase, unit.reason, actions) == (Phase.STOPPED, "", [Action.SPAWN, Action.KILL])
    assert step(unit, Start(), 100.0)[1] is Action.SPAWN


def test_a_service_that_was_asked_to_stop_can_still_be_killed() -> None:
    _, actions = after(*UP, (5.0, Stop()), (5.1, Kill()))

    assert actions == [Action.SPAWN, Action.TERMINATE, Action.KILL]


def test_killing_what_is_at_rest_or_backs_off_does_nothing_but_keep_it_down() -> None:
    resting, nothing = step(Unit(service=service()), Kill(), 1.0)
    fallen, _ = after(*UP, (5.0, Exited(code=1)), (5.1, Kill()), (99.0, Tick()))

    assert nothing is None
    assert (resting.phase, fallen.phase) == (Phase.STOPPED, Phase.STOPPED)


def test_an_open_side_door_ends_the_service_for_good() -> None:
    unit, actions = after(
        (0.0, Start()),
        (0.1, Spawned(pid=7)),
        (0.5, Unsafe(reason="the filer answers 200 to a stranger")),
        (1.0, Exited(code=0)),
        (99.0, Tick()),
    )

    assert actions == [Action.SPAWN, Action.TERMINATE]
    assert (unit.phase, unit.reason) == (Phase.FAILED, "the filer answers 200 to a stranger")


def test_a_failed_service_can_be_started_by_hand() -> None:
    unit, _ = after(*UP, (5.0, Exited(code=5)), (9.0, Start()))

    assert unit.phase is Phase.STARTING


def test_stops_go_from_the_top_stage_down() -> None:
    units = [
        Unit(service=service("kafka", 0), phase=Phase.READY),
        Unit(service=service("authority", 1), phase=Phase.READY),
        Unit(service=service("refine", 2), phase=Phase.STOPPED),
        Unit(service=service("sink", 2), phase=Phase.STOPPING),
    ]

    first = next_to_stop(units)
    second = next_to_stop(units[:3])
    last = next_to_stop(units[:1])

    assert [*first, *second, *last] == ["sink", "authority", "kafka"]


def test_the_table_survives_its_way_through_json() -> None:
    table = (service("a", 0), service("b", 1))

    assert from_json(to_json(table)) == table


def test_a_service_sees_nothing_of_the_callers_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEED_JWT_SIGNING_KEY", "x")
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", "-Xmx9g")

    environment = service().environment()

    assert environment["A"] == "b"
    assert not {"WEED_JWT_SIGNING_KEY", "JAVA_TOOL_OPTIONS"} & set(environment)
