"""Reconcile mends what it can prove, says what it cannot, and deletes nothing that stands alone."""

import pytest

from overt_sinks.audit.mend import Mender
from overt_sinks.audit.mending import Do, Plan, World
from overt_sinks.audit.reconcile import Survey
from overt_sinks.audit.report import Report
from overt_sinks.index import gone_rows
from tests.sinks.audit.kept import WARM, Kept, records
from tests.sinks.made import WHERE

LATER_MS = 10_000_000
HOUR_MS = 3_600_000


def survey(kept: Kept, *, after_ms: int = LATER_MS, committed: int = 30) -> Survey:
    report = Report()
    world = World(
        account=report.account, committed={WHERE: committed}, now_ms=kept.now_ms + after_ms,
        min_hot_age_ms=HOUR_MS,
    )  # fmt: skip
    return Survey(index=kept.index, tiers=kept.tiers, world=world, grace_ms=HOUR_MS, report=report)


def planned(kept: Kept, **how: int) -> Plan:
    return survey(kept, **how).plan(2, lambda _done, _total: None)


def steps(plan: Plan) -> list[tuple[Do, str]]:
    return [(step.do, step.tier) for step in plan.steps]


def mend(kept: Kept, **how: int) -> int:
    found = survey(kept, **how)
    plan = found.plan(2, lambda _done, _total: None)
    return sum(Mender(survey=found).do(step) for step in plan.steps)


def is_clean(kept: Kept, committed: int = 30) -> bool:
    report = kept.verify(committed)
    rest = planned(kept, committed=committed)
    return not report.findings and (rest.steps, rest.left) == ([], [])


def forget_hot(kept: Kept, first: int) -> None:
    """Let a moved hot object go, as the mover does."""
    kept.delete(WHERE.object(first))
    kept.sql("DELETE FROM runs WHERE object = :name", name=WHERE.object(first))
    kept.sql("DELETE FROM objects WHERE object = :name", name=WHERE.object(first))


def test_where_all_is_well_nothing_is_planned(kept: Kept) -> None:
    kept.move(10)
    kept.erase(0, 9)

    plan = planned(kept, after_ms=0)

    assert (plan.steps, plan.left) == ([], [])


def test_what_a_dead_sink_left_at_the_end_of_its_chain_is_adopted_in_order(kept: Kept) -> None:
    kept.add(30, 34, records(30, 34), indexed=False)
    kept.add(35, 39, records(35, 39), indexed=False)

    assert steps(planned(kept)) == [(Do.ADOPT, "hot"), (Do.ADOPT, "hot")]
    assert mend(kept) == 2
    assert is_clean(kept, committed=40)


def test_what_does_not_continue_its_chain_is_left(kept: Kept) -> None:
    kept.add(35, 39, records(35, 39), indexed=False)

    plan = planned(kept)

    assert plan.steps == []
    assert "nowhere else" in plan.left[0].why


def test_a_hot_object_that_a_zombie_made_anew_is_deleted(kept: Kept) -> None:
    data = kept.read(WHERE.object(10))
    kept.move(10)
    forget_hot(kept, 10)
    kept.put(WHERE.object(10), data)

    assert steps(planned(kept)) == [(Do.DELETE, "hot")]
    assert mend(kept) == 1
    assert is_clean(kept)


@pytest.mark.parametrize(
    ("how", "why"),
    [({"after_ms": 1000}, "too young"), ({"committed": 15}, "not committed")],
    ids=["a sink could hang that long", "a sink could come by again"],
)
def test_what_could_come_back_is_not_deleted(kept: Kept, how: dict[str, int], why: str) -> None:
    data = kept.read(WHERE.object(10))
    kept.move(10)
    forget_hot(kept, 10)
    kept.put(WHERE.object(10), data)

    plan = planned(kept, **how)

    assert [why in left.why for left in plan.left] == [True]
    assert (Do.DELETE, "hot") not in steps(plan)


def test_rows_that_were_lost_are_given_back(kept: Kept) -> None:
    kept.sql("DELETE FROM runs WHERE object = :name", name=WHERE.object(10))
    kept.sql("DELETE FROM objects WHERE object = :name", name=WHERE.object(10))

    assert steps(planned(kept)) == [(Do.INDEX, "hot")]
    assert mend(kept) == 1
    assert is_clean(kept)


def test_rows_are_given_back_for_what_stands_nowhere_else_alone(kept: Kept) -> None:
    kept.erase(0, 9)
    kept.sql("DELETE FROM runs")
    kept.sql("DELETE FROM objects")

    # The first holds nothing but blanked records any more.
    assert steps(planned(kept)) == [(Do.DELETE, "hot"), (Do.INDEX, "hot"), (Do.INDEX, "hot")]
    assert mend(kept) == 3
    assert is_clean(kept)


def test_a_target_that_no_move_knows_is_deleted_if_its_records_stand(kept: Kept) -> None:
    target = kept.move(10)
    data = kept.read(target, "warm")
    kept.put(WARM, data, "warm")

    assert steps(planned(kept, after_ms=0)) == [(Do.DELETE, "warm")]
    assert mend(kept, after_ms=0) == 1
    assert kept.names("warm") == [target]


def test_a_target_with_records_that_stand_nowhere_else_is_kept(kept: Kept) -> None:
    target = kept.move(10)
    kept.sql("DELETE FROM runs WHERE object = :name", name=target)
    kept.sql("DELETE FROM objects WHERE object = :name", name=target)
    kept.sql("DELETE FROM moves")
    forget_hot(kept, 10)

    plan = planned(kept)

    assert plan.steps == []
    assert "keep it" in plan.left[0].why


def test_a_target_of_a_move_under_way_is_the_movers(kept: Kept) -> None:
    kept.moves(WARM, "planned")
    kept.put(WARM, kept.read(WHERE.object(10)), "warm")

    assert (planned(kept).steps, planned(kept).left) == ([], [])


def test_the_empty_object_that_blocks_a_cancelled_move_stays(kept: Kept) -> None:
    kept.moves(WARM, "cancelled")
    kept.put(WARM, b"", "warm")

    assert (kept.verify().findings.kept, planned(kept).steps) == ([], [])


def test_a_copy_that_stayed_behind_in_the_tier_before_is_deleted(kept: Kept) -> None:
    target = kept.move(10, keep_runs=False)
    forget_hot(kept, 10)
    kept.put(target, kept.read(target, "warm"), "cold")
    kept.sql("UPDATE objects SET tier = 'cold' WHERE object = :name", name=target)
    kept.moves(target, "done", "cold")

    assert steps(planned(kept)) == [(Do.DELETE, "warm")]
    assert mend(kept) == 1
    assert (kept.names("warm"), is_clean(kept)) == ([], True)


def test_a_tier_that_the_index_got_wrong_is_corrected(kept: Kept) -> None:
    target = kept.move(10, keep_runs=False)
    forget_hot(kept, 10)
    kept.sql("UPDATE objects SET tier = 'cold' WHERE object = :name", name=target)
    kept.moves(target, "done", "cold")

    assert steps(planned(kept)) == [(Do.RETIER, "warm")]
    assert mend(kept) == 1
    assert is_clean(kept)


def test_a_copy_is_not_deleted_for_one_that_is_broken(kept: Kept) -> None:
    target = kept.move(10, keep_runs=False)
    forget_hot(kept, 10)
    kept.put(target, b"broken", "cold")
    kept.put(target, kept.read(target, "warm") + b"x", "warm")
    kept.sql("UPDATE objects SET tier = 'cold' WHERE object = :name", name=target)
    kept.moves(target, "done", "cold")

    plan = planned(kept)

    assert (plan.steps, "neither" in plan.left[0].why) == ([], True)


@pytest.mark.parametrize("is_there", [True, False], ids=["bucket and row", "row alone"])
def test_what_nothing_points_into_any_more_goes(kept: Kept, is_there: bool) -> None:
    kept.move(10, keep_runs=False)
    if not is_there:
        kept.delete(WHERE.object(10))

    assert steps(planned(kept)) == [(Do.DELETE if is_there else Do.FORGET, "hot")]
    assert mend(kept) == 1
    assert WHERE.object(10) not in kept.names("hot")
    assert is_clean(kept)


def test_a_young_object_that_nothing_points_into_waits_in_peace(kept: Kept) -> None:
    kept.move(10, keep_runs=False)

    assert (planned(kept, after_ms=1000).steps, planned(kept, after_ms=1000).left) == ([], [])


def test_superseded_rows_go_after_their_grace_and_not_before(kept: Kept) -> None:
    kept.move(10)

    assert steps(planned(kept, after_ms=1000)) == []
    assert steps(planned(kept)) == [(Do.DELETE, "hot"), (Do.RELEASE, "")]
    mend(kept)
    assert is_clean(kept)


def test_superseded_rows_stay_while_anything_is_unaccounted(kept: Kept) -> None:
    target = kept.move(10)
    kept.delete(target, "warm")

    plan = planned(kept)

    assert steps(plan) == []
    assert {"stay while" in left.why or "nowhere else" in left.why for left in plan.left} == {True}


def test_erased_bytes_that_came_back_are_left_to_erasing(kept: Kept) -> None:
    data = kept.read(WHERE.object(10))
    kept.sql("DELETE FROM runs WHERE object = :name", name=WHERE.object(10))
    kept.sql("DELETE FROM objects WHERE object = :name", name=WHERE.object(10))
    with kept.index.transaction(writes=True) as db:
        gone_rows.add(db, WHERE.topic_id, WHERE.number, [(10, 14)], "erased", 0)
    kept.put(WHERE.object(10), data)

    plan = planned(kept)

    assert plan.steps == []
    assert plan.left[0].why.endswith("in part: look at verify")


def test_what_is_not_ours_is_left(kept: Kept) -> None:
    kept.put("notes.txt", b"hello", "warm")
    kept.put("notes.txt", b"hello")

    plan = planned(kept)

    assert (plan.steps, [left.tier for left in plan.left]) == ([], ["hot", "warm"])
