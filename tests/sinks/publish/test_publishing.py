"""What is published, what a reader finds, and what is left after an erasure: nothing."""

import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from datafusion import SessionContext

from overt_schemas.errors import Transient
from overt_sinks.index import tables
from overt_sinks.publish.publishing import _alone
from tests.sinks.publish import reading
from tests.sinks.publish.desk import ANNA, BERT, DAYS, Desk


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path, f"sqlite:///{tmp_path}/index/index.db")
    for person in (ANNA, BERT):
        for day in DAYS:
            made.add(person, day)
    yield made
    made.index.close()


def test_the_table_says_what_the_index_says_and_no_more(desk: Desk) -> None:
    outcome = desk.publish()

    assert (outcome.days, outcome.rows) == (3, 18)
    assert reading.keys(desk.folder) == desk.expected()
    table = reading.load(desk.folder)
    assert table.schema().column_names == [
        "person", "day", "class", "stream", "tier", "object", "byte_from", "byte_len", "records",
    ]  # fmt: skip
    assert reading.mentions(desk.folder / "warehouse", "d0d0d0d0") == []
    assert table.current_snapshot().summary["overt.commit"] == outcome.commit


def test_a_reader_of_one_day_and_person_opens_that_day_only(desk: Desk) -> None:
    desk.publish()
    table = reading.load(desk.folder)
    scan = table.scan(row_filter=f"day == '{DAYS[1]}' and person == '{ANNA}'")

    planned = list(scan.plan_files())

    assert len(planned) == 1
    assert scan.to_arrow().num_rows == 3
    files = [str(path) for path in reading.files(desk.folder) if path.suffix == ".parquet"]
    (mine,) = [path for path in files if f"day={DAYS[1]}" in path]
    context = SessionContext()
    context.register_parquet("segments", mine)
    (found,) = context.sql(
        f"SELECT count(*) AS n, sum(byte_len) AS b FROM segments WHERE person = '{ANNA}'"  # noqa: S608
    ).to_pylist()
    assert found == {"n": 3, "b": 270}


def test_only_days_that_changed_are_written_again(desk: Desk) -> None:
    desk.publish()
    before = set(reading.files(desk.folder / "warehouse"))
    desk.add(ANNA, DAYS[2])
    desk.add(BERT, "2026-11-26")

    outcome = desk.publish()

    fresh = set(reading.files(desk.folder / "warehouse")) - before
    days = {path.parent.name for path in fresh if path.suffix == ".parquet"}
    assert days == {f"day={DAYS[2]}", "day=2026-11-26"}
    assert (outcome.days, outcome.rows) == (2, 12)
    assert reading.keys(desk.folder) == desk.expected()


def test_an_index_that_did_not_change_is_not_published_again(desk: Desk) -> None:
    desk.publish()
    before = reading.load(desk.folder).metadata_location

    outcome = desk.publish()

    assert (outcome.days, outcome.removed) == (0, 0)
    assert reading.load(desk.folder).metadata_location == before


def test_a_pseudonym_stands_in_data_files_only(desk: Desk) -> None:
    desk.publish()

    found = reading.mentions(desk.folder / "warehouse", ANNA)

    assert len(found) == len(DAYS)
    assert {path.suffix for path in found} == {".parquet"}
    assert reading.mentions(desk.folder / "catalog.db", ANNA) == []


def test_records_that_stand_elsewhere_now_are_published(desk: Desk) -> None:
    desk.publish()
    with desk.index.transaction(writes=True) as db:
        db.execute(tables.runs.update().where(tables.runs.c.person == BERT).values(superseded_ms=1))

    assert desk.publish().rows == 9
    assert reading.keys(desk.folder) == desk.expected()


def test_an_object_in_another_bucket_is_published(desk: Desk) -> None:
    desk.publish()
    with desk.index.transaction(writes=True) as db:
        db.execute(tables.objects.update().values(tier="cold"))

    assert desk.publish().days == 3
    tiers = reading.load(desk.folder).scan().to_arrow()["tier"].to_pylist()
    assert set(tiers) == {"cold"}


def test_after_an_erasure_no_file_holds_the_person(desk: Desk) -> None:
    desk.publish()
    desk.add(ANNA, DAYS[0])
    desk.publish()  # now there is an older snapshot to travel to
    assert reading.mentions(desk.folder / "warehouse", ANNA)
    desk.erase(ANNA)

    desk.publish()

    assert reading.mentions(desk.folder / "warehouse", ANNA) == []
    assert reading.mentions(desk.folder / "warehouse", BERT)
    assert reading.keys(desk.folder) == desk.expected()
    table = reading.load(desk.folder)
    for snapshot in table.snapshots():
        old = table.scan(snapshot_id=snapshot.snapshot_id).to_arrow()
        assert ANNA not in old["person"].to_pylist()


def test_after_the_last_person_of_all_is_erased_the_table_is_empty(desk: Desk) -> None:
    desk.publish()
    desk.erase(ANNA)
    desk.erase(BERT)

    outcome = desk.publish()

    assert outcome.dropped_days == 3
    assert reading.keys(desk.folder) == set()
    assert [path for path in reading.files(desk.folder) if path.suffix == ".parquet"] == []
    desk.add(BERT, DAYS[0])
    desk.publish()
    assert reading.keys(desk.folder) == desk.expected()


def test_a_reader_goes_on_with_what_it_planned_until_its_time_is_over(desk: Desk) -> None:
    now = time.time()
    desk.publish(now)
    before = desk.expected()
    planned = reading.load(desk.folder).scan()
    desk.add(ANNA, DAYS[0])

    desk.publish(now, keep_s=600)

    assert len(planned.to_arrow()) == len(before)
    desk.publish(now + 601, keep_s=600)
    with pytest.raises(OSError, match="No such file"):
        planned.to_arrow()
    assert len(reading.load(desk.folder).snapshots()) == 1
    assert reading.keys(desk.folder) == desk.expected()


def test_every_file_of_the_warehouse_is_one_that_a_reader_may_open(desk: Desk) -> None:
    now = time.time()
    for n in range(4):
        desk.add(ANNA, DAYS[n % 3])
        desk.publish(now + n * 1000)
    desk.publish(now + 10_000)

    names = {path.suffix for path in reading.files(desk.folder / "warehouse")}
    parquet = [path for path in reading.files(desk.folder) if path.suffix == ".parquet"]

    assert names == {".parquet", ".avro", ".json"}
    assert sum(pq.read_metadata(path).num_rows for path in parquet) == len(desk.expected())


def test_a_file_that_no_commit_knows_goes_when_it_is_too_old_to_be_committed(desk: Desk) -> None:
    desk.publish()
    (stray,) = [
        path.parent / "stray.parquet" for path in reading.files(desk.folder)
        if path.suffix == ".parquet" and DAYS[0] in str(path)
    ]  # fmt: skip
    stray.write_bytes(b"left by a publication that was killed")
    made = stray.stat().st_mtime

    assert desk.publish(made + 3000).removed == 0
    assert desk.publish(made + 3700).removed == 1

    assert not stray.exists()
    assert reading.keys(desk.folder) == desk.expected()


def test_a_run_without_a_day_of_the_calendar_is_left_out_and_counted(desk: Desk) -> None:
    expected = desk.expected()
    desk.add(ANNA, "2026-02-31", count=2)

    outcome = desk.publish()

    assert outcome.left_out == 2
    assert reading.keys(desk.folder) == expected


def test_a_day_of_many_rows_comes_in_several_files(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("overt_sinks.publish.source_rows.CHUNK", 4)

    desk.publish()

    assert reading.keys(desk.folder) == desk.expected()
    parquet = [path for path in reading.files(desk.folder) if path.suffix == ".parquet"]
    assert len(parquet) == 6
    desk.erase(ANNA)
    desk.publish()
    assert reading.mentions(desk.folder / "warehouse", ANNA) == []


def test_two_publications_do_not_work_at_once(desk: Desk) -> None:
    with _alone(desk.index, desk.folder / "lock"), pytest.raises(Transient):
        desk.publish()

    desk.publish()
    assert reading.keys(desk.folder) == desk.expected()


def test_a_publication_that_takes_too_long_commits_nothing(desk: Desk) -> None:
    with pytest.raises(Transient):
        desk.publish(longest_s=0.0)

    assert reading.keys(desk.folder) == set()


def test_files_and_catalog_are_readable_by_their_owner_alone(desk: Desk) -> None:
    desk.publish()

    assert (desk.folder / "catalog.db").stat().st_mode & 0o077 == 0
    assert (desk.folder / "warehouse").stat().st_mode & 0o077 == 0
