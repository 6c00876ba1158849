"""Hidden versions go where the ledger knows what stands; a crash is ended by the next run."""

from dataclasses import replace

import pytest

from overt_schemas.errors import Refused, Transient
from overt_sinks.audit.mend import Mender
from overt_sinks.audit.mending import Do
from overt_sinks.stores.failures import Archived
from overt_sinks.stores.side import Version
from overt_sinks.stores.store import Store
from tests.sinks.audit.kept import Hidden, Kept, records
from tests.sinks.audit.test_reconcile import forget_hot, is_clean, mend, planned, steps, survey
from tests.sinks.made import WHERE


def hide(kept: Kept, tier: str, name: str) -> Hidden:
    hidden = Hidden(found=[Version(name=name, id="1", size=1, is_marker=False)])
    kept.sides[tier] = hidden
    return hidden


def test_old_versions_of_what_stands_are_purged(kept: Kept) -> None:
    hidden = hide(kept, "hot", WHERE.object(10))

    assert steps(planned(kept)) == [(Do.PURGE, "hot")]
    assert mend(kept) == 1
    assert hidden.found == []


def test_old_versions_of_what_was_moved_away_are_purged(kept: Kept) -> None:
    kept.move(10)
    forget_hot(kept, 10)
    hide(kept, "hot", WHERE.object(10))

    assert steps(planned(kept)) == [(Do.PURGE, "hot")]


def test_a_version_that_may_be_the_only_copy_is_never_purged(kept: Kept) -> None:
    kept.delete(WHERE.object(10))
    hide(kept, "hot", WHERE.object(10))

    plan = planned(kept)

    assert plan.steps == []
    assert "only copy" in plan.left[0].why


class Dying(Store):
    """A bucket whose deletes die after they were done."""

    def delete(self, name: str) -> None:
        super().delete(name)
        raise Transient("no answer", reason="store")


def test_a_deletion_that_died_half_way_is_ended_by_the_next_run(kept: Kept) -> None:
    kept.move(10, keep_runs=False)
    found = survey(kept)
    plan = found.plan(2, lambda _done, _total: None)
    dying = replace(found, tiers={**kept.tiers, "hot": Dying(kept.backends["hot"])})

    with pytest.raises(Transient):
        Mender(survey=dying).do(plan.steps[0])

    assert steps(planned(kept)) == [(Do.FORGET, "hot")]
    assert mend(kept) == 1
    assert is_clean(kept)


def test_twice_is_as_good_as_once(kept: Kept) -> None:
    kept.add(30, 34, records(30, 34), indexed=False)
    kept.move(10)
    found = survey(kept)
    plan = found.plan(2, lambda _done, _total: None)
    mender = Mender(survey=found)

    first = [mender.do(step) for step in plan.steps]
    again = [mender.do(step) for step in plan.steps if step.do is not Do.DELETE]

    assert (first, any(again)) == ([True, True, False], False)  # rows went with their object
    assert is_clean(kept, committed=35)


class Shut(Store):
    """A bucket of somebody else."""

    def delete(self, name: str) -> None:
        raise Refused("the store refuses this identity", reason="store_refused")


def test_what_this_identity_may_not_do_is_left_and_the_rest_is_done(kept: Kept) -> None:
    kept.add(30, 34, records(30, 34), indexed=False)
    kept.move(10, keep_runs=False)
    found = replace(survey(kept), tiers={**kept.tiers, "hot": Shut(kept.backends["hot"])})
    plan = found.plan(2, lambda _done, _total: None)

    assert Mender(survey=found).do_all(plan, lambda _done, _total: None) == 1
    assert [left.why for left in plan.left] == ["refused: the store refuses this identity"]


def test_who_may_do_nothing_of_it_is_told_so(kept: Kept) -> None:
    kept.move(10, keep_runs=False)
    found = replace(survey(kept), tiers={**kept.tiers, "hot": Shut(kept.backends["hot"])})
    plan = found.plan(2, lambda _done, _total: None)

    with pytest.raises(Refused):
        Mender(survey=found).do_all(plan, lambda _done, _total: None)


class Frozen(Store):
    """A bucket whose objects were archived."""

    def read(self, name: str) -> bytes:
        raise Archived("the object is archived: restore it first", reason="archived")


def test_no_copy_goes_for_one_that_nobody_could_read(kept: Kept) -> None:
    target = kept.move(10, keep_runs=False)
    forget_hot(kept, 10)
    kept.put(target, kept.read(target, "warm"), "cold")
    kept.sql("UPDATE objects SET tier = 'cold' WHERE object = :name", name=target)
    kept.moves(target, "done", "cold")
    found = replace(survey(kept), tiers={**kept.tiers, "cold": Frozen(kept.backends["cold"])})

    plan = found.plan(2, lambda _done, _total: None)

    assert Do.DELETE not in {step.do for step in plan.steps}
    assert found.report.unproven == ["1 objects are archived and were not read"]


def test_a_spent_object_that_cannot_be_read_is_left(kept: Kept) -> None:
    kept.move(10, keep_runs=False)
    kept.put(WHERE.object(10), b"broken")

    plan = planned(kept)

    assert (plan.steps, [left.why for left in plan.left]) == ([], ["it cannot be read"])


@pytest.mark.parametrize("kills_after", range(6))
def test_killed_after_any_step_the_next_run_ends_it(kept: Kept, kills_after: int) -> None:
    zombie = kept.read(WHERE.object(0))
    kept.move(0)
    forget_hot(kept, 0)
    kept.put(WHERE.object(0), zombie)
    kept.move(10)
    kept.sql("DELETE FROM runs WHERE object = :name", name=WHERE.object(20))
    kept.sql("DELETE FROM objects WHERE object = :name", name=WHERE.object(20))
    kept.add(30, 34, records(30, 34), indexed=False)
    hide(kept, "warm", kept.names("warm")[0])
    found = survey(kept)
    plan = found.plan(2, lambda _done, _total: None)
    mender = Mender(survey=found)

    for step in plan.steps[:kills_after]:
        mender.do(step)
    mend(kept)

    assert is_clean(kept, committed=35)
