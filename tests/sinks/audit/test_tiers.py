"""Verify keeps the account over all tiers: moved, cold, erased, expired, and what was left over."""

import pytest

from overt_sinks.audit.findings import Kind
from overt_sinks.audit.report import Report, as_text
from overt_sinks.audit.verify import check
from overt_sinks.index import gone_rows
from overt_sinks.stores.failures import Archived
from overt_sinks.stores.side import Upload, Version
from overt_sinks.stores.store import Store
from tests.sinks.audit.kept import PERSON, WARM, Hidden, Kept
from tests.sinks.made import DAY, WHERE


def kinds(report: Report) -> list[tuple[Kind, str]]:
    return [(f.kind, f.tier) for f in report.findings.kept]


@pytest.mark.parametrize("quick", [False, True], ids=["full", "quick"])
@pytest.mark.parametrize("keep_runs", [True, False], ids=["superseded", "after the grace"])
def test_a_moved_object_is_accounted_where_it_stands_now(
    kept: Kept, keep_runs: bool, quick: bool
) -> None:
    kept.move(10, keep_runs=keep_runs)

    report = kept.verify(quick=quick)

    assert kinds(report) == []
    assert (report.account.standing, report.tally.leaving) == (29, 0 if keep_runs else 1)


def test_a_moved_object_whose_hot_copy_is_gone_is_clean(kept: Kept) -> None:
    kept.move(10, keep_runs=False)
    kept.delete(WHERE.object(10))
    kept.sql("DELETE FROM objects WHERE object LIKE '%010.avro'")

    assert kinds(kept.verify()) == []


def test_a_row_that_waits_for_its_object_to_be_forgotten_is_no_finding(kept: Kept) -> None:
    kept.move(10, keep_runs=False)
    kept.delete(WHERE.object(10))

    report = kept.verify()

    assert (kinds(report), report.tally.leaving) == ([], 1)


def test_a_move_that_was_not_ended_is_no_finding(kept: Kept) -> None:
    kept.moves(WARM, "planned")
    kept.put(WARM, kept.read(WHERE.object(0)), "warm")

    report = kept.verify()

    assert (kinds(report), report.moving) == ([], 1)


def test_an_object_that_no_move_made_is_a_stray(kept: Kept) -> None:
    kept.put(WARM, kept.read(WHERE.object(0)), "warm")

    assert kinds(kept.verify()) == [(Kind.STRAY, "warm")]


def test_a_record_that_stands_in_two_tiers_is_found(kept: Kept) -> None:
    kept.move(10)
    kept.sql("UPDATE runs SET superseded_ms = 0")

    assert kinds(kept.verify()) == [(Kind.REPEATED, "")]
    assert kinds(kept.verify(quick=True)) == [(Kind.SUMS, "")]


def test_a_record_that_was_lost_on_the_way_is_found_by_its_offset(kept: Kept) -> None:
    target = kept.move(10)
    kept.delete(target, "warm")

    report = kept.verify()

    assert kinds(report) == [(Kind.MISSING, "warm"), (Kind.UNACCOUNTED, "")]
    lost = report.findings.kept[1]
    assert (lost.partition, lost.first, lost.last) == (WHERE.number, 10, 19)


@pytest.mark.parametrize("change", ["person = 'p-1'", "day = '2026-01-01'", "class = 'frame'"])
def test_a_warm_object_of_somebody_else_than_its_rows_is_found(kept: Kept, change: str) -> None:
    kept.move(10)
    kept.sql(f"UPDATE objects SET {change} WHERE tier = 'warm'")  # noqa: S608

    assert kinds(kept.verify()) == [(Kind.DIFFERS, "warm"), (Kind.ROWS, "warm")]


def test_a_warm_object_with_a_run_that_no_row_has_is_found(kept: Kept) -> None:
    kept.move(0)
    kept.sql("UPDATE runs SET byte_from = byte_from + 1 WHERE object LIKE 'person=%'")

    assert (Kind.ROWS, "warm") in kinds(kept.verify())


def test_what_was_erased_is_gone_and_clean(kept: Kept) -> None:
    kept.erase(10, 19)

    report = kept.verify()

    assert kinds(report) == []
    assert (report.account.gone_count, report.account.standing) == (10, 19)


def test_an_erasure_that_died_half_way_is_found_as_one(kept: Kept) -> None:
    kept.blank(10)

    assert (Kind.HALF_ERASED, "hot") in kinds(kept.verify())


def test_what_is_gone_on_purpose_and_still_stands_is_found(kept: Kept) -> None:
    kept.sql("DELETE FROM runs WHERE object LIKE '%010.avro'")
    with kept.index.transaction(writes=True) as db:
        gone_rows.add(db, WHERE.topic_id, WHERE.number, [(10, 19)], "erased", 0)

    found = kept.verify().findings.kept

    assert [(f.kind, f.first, f.last) for f in found] == [(Kind.RETURNED, 10, 19)]


def test_what_expired_is_gone_and_clean(kept: Kept) -> None:
    target = kept.move(10, keep_runs=False)
    kept.delete(target, "warm")
    kept.delete(WHERE.object(10))
    kept.sql("DELETE FROM runs WHERE object = :name", name=target)
    kept.sql("DELETE FROM objects WHERE object IN (:a, :b)", a=target, b=WHERE.object(10))
    with kept.index.transaction(writes=True) as db:
        gone_rows.add(db, WHERE.topic_id, WHERE.number, [(10, 19)], "expired", 0)

    report = kept.verify()

    assert (kinds(report), report.account.gone_count) == ([], 10)


def test_an_old_version_behind_an_object_is_found(kept: Kept) -> None:
    old = Version(name=WHERE.object(0), id="1", size=10, is_marker=False)
    kept.sides["hot"] = Hidden(found=[old])

    assert kinds(kept.verify()) == [(Kind.HIDDEN, "hot")]


def test_an_upload_is_a_finding_once_nobody_can_be_at_it_any_more(kept: Kept) -> None:
    kept.sides["warm"] = Hidden(
        begun=[Upload(name=WARM, id="1", begun_ms=0), Upload(name=WARM, id="2", begun_ms=1 << 60)]
    )

    assert kinds(kept.verify()) == [(Kind.UPLOAD, "warm")]


def test_no_name_of_an_object_is_in_the_text(kept: Kept) -> None:
    kept.put(WARM, b"x", "warm")

    text = as_text(kept.verify())

    assert (PERSON in text, DAY in text, "tier warm" in text) == (False, False, True)


class Frozen(Store):
    """A bucket whose objects were archived."""

    def read(self, name: str) -> bytes:
        raise Archived("the object is archived: restore it first", reason="archived")


def test_what_is_archived_is_not_proved_and_not_called_lost(kept: Kept) -> None:
    kept.move(10)
    report = Report()

    check(kept.index, {**kept.tiers, "warm": Frozen(kept.backends["warm"])}, {WHERE: 30}, report)

    assert (kinds(report), report.tally.archived, report.account.unread) == ([], 1, 10)
    assert report.unproven == ["1 objects are archived and were not read"]


def test_what_is_lost_besides_something_archived_is_called_lost(kept: Kept) -> None:
    kept.move(10)
    kept.sql("DELETE FROM runs WHERE object = :name", name=WHERE.object(0))
    report = Report()

    check(kept.index, {**kept.tiers, "warm": Frozen(kept.backends["warm"])}, {WHERE: 30}, report)

    assert Kind.UNACCOUNTED in {f.kind for f in report.findings.kept}
