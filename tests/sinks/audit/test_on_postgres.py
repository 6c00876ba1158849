"""What is audited and mended on SQLite is audited and mended on PostgreSQL."""

import pytest

from overt_sinks.audit.findings import Kind
from overt_sinks.audit.mending import Do
from tests.sinks.audit.kept import Kept, records
from tests.sinks.audit.test_reconcile import forget_hot, is_clean, mend, planned, steps
from tests.sinks.made import WHERE


@pytest.fixture
def url(postgres_url: str) -> str:
    return postgres_url


@pytest.mark.parametrize("quick", [False, True], ids=["full", "quick"])
def test_moved_and_erased_is_clean(kept: Kept, quick: bool) -> None:
    kept.move(10)
    kept.erase(0, 9)

    report = kept.verify(quick=quick)

    assert (report.findings.kept, report.account.gone_count) == ([], 10)


def test_what_is_wrong_is_found(kept: Kept) -> None:
    kept.delete(WHERE.object(10))
    kept.sql("UPDATE runs SET person = 'p-1' WHERE object LIKE '%020.avro'")

    found = {f.kind for f in kept.verify(committed=40).findings.kept}

    assert found == {Kind.MISSING, Kind.ROWS, Kind.UNCOVERED}


def test_everything_that_can_be_mended_is(kept: Kept) -> None:
    data = kept.read(WHERE.object(0))
    kept.move(0)
    forget_hot(kept, 0)
    kept.put(WHERE.object(0), data)  # a zombie made it anew
    kept.move(10)  # superseded long ago
    kept.sql("DELETE FROM runs WHERE object = :name", name=WHERE.object(20))
    kept.sql("DELETE FROM objects WHERE object = :name", name=WHERE.object(20))
    kept.add(30, 34, records(30, 34), indexed=False)

    wanted = {Do.DELETE, Do.INDEX, Do.ADOPT}
    assert {do for do, _ in steps(planned(kept))} == wanted
    assert mend(kept) == 4
    assert is_clean(kept, committed=35)
