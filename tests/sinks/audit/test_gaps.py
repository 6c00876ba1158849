"""Each offset that stands nowhere is listed with its reason, and nobody is named."""

import json

import pytest

from overt_sinks.audit.gaps import Reason, Summary, gaps
from overt_sinks.index import gone_rows
from tests.sinks.audit.kept import Kept
from tests.sinks.made import WHERE


def gaps_of(kept: Kept, committed: int = 30, *, quick: bool = False) -> Summary:
    report = kept.verify(committed, quick=quick)
    with kept.index.transaction(snapshot=True) as db:
        gone = gone_rows.all_gone(db)
        return Summary.of(gaps(report.account, gone, {WHERE: committed}, quick=quick))


def rows(found: Summary) -> list[tuple[int, int, Reason]]:
    return [(gap.first, gap.last, gap.reason) for gap in found.gaps]


def test_what_was_set_aside_is_a_gap_with_a_reason(kept: Kept) -> None:
    found = gaps_of(kept)

    assert (rows(found), found.is_explained) == ([(20, 20, Reason.ASIDE)], True)


def test_what_was_erased_and_what_expired_are_told_apart(kept: Kept) -> None:
    kept.erase(0, 9)
    with kept.index.transaction(writes=True) as db:
        gone_rows.add(db, WHERE.topic_id, WHERE.number, [(21, 24)], "expired", 0)

    assert rows(gaps_of(kept)) == [
        (0, 9, Reason.ERASED), (20, 20, Reason.ASIDE), (21, 24, Reason.EXPIRED)
    ]  # fmt: skip


def test_what_was_committed_and_never_stored_is_a_hole(kept: Kept) -> None:
    found = gaps_of(kept, committed=35)

    assert (rows(found)[-1], found.is_explained) == ((30, 34, Reason.HOLE), False)


@pytest.mark.parametrize("lost", ["rows", "object"])
def test_what_is_covered_and_nowhere_is_unaccounted(kept: Kept, lost: str) -> None:
    if lost == "rows":
        kept.sql("DELETE FROM runs WHERE object LIKE '%010.avro'")
    else:
        kept.delete(WHERE.object(10))

    found = gaps_of(kept)

    assert (rows(found)[0], found.is_explained) == ((10, 19, Reason.UNACCOUNTED), False)
    assert rows(gaps_of(kept, quick=True)) == [(20, 20, Reason.ASIDE)]


def test_gaps_are_printed_for_people_and_for_programs(kept: Kept) -> None:
    kept.erase(0, 9)

    found = gaps_of(kept)

    assert found.as_text().splitlines() == [
        "partition 2, offsets 0 to 9 (10): erased",
        "partition 2, offsets 20 to 20 (1): set aside",
        "1 set aside, 10 erased",
    ]
    document = json.loads(json.dumps(found.as_dict()))
    assert (document["offsets"], document["explained"]) == ({"set aside": 1, "erased": 10}, True)
