"""What an inventory hands out is what the tables hold, column by column."""

from dataclasses import asdict, fields

from overt_sinks.index import Index, inventory_rows, tables, values
from tests.sinks.index.rows import stored


def test_a_run_is_its_row_under_the_same_names(index: Index) -> None:
    one = stored(0, 70)
    index.insert(one, 1000)

    with index.transaction() as db:
        runs = list(inventory_rows.runs(db))
        (standing,) = inventory_rows.objects(db)

    assert [asdict(run) for run in runs] == index.runs(one.name)
    assert [field.name for field in fields(values.RunRow)] == tables.runs.c.keys()
    assert (standing.object, standing.tier, standing.class_) == (one.name, "hot", "")
    assert (standing.records, standing.sha256, standing.created_ms) == (71, one.sha256, 1000)
