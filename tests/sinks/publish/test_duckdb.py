"""Another implementation of Iceberg, in C++, finds the same table."""

import json
import subprocess
from pathlib import Path

from tests.sinks.publish import reading
from tests.sinks.publish.desk import ANNA, BERT, DAYS, Desk

# duckdb and its extensions must be of one version; the room's own environment has none.
_WITH = ("duckdb==1.4.4", "duckdb-ext-avro==1.4.4.20260205", "duckdb-ext-iceberg==1.4.4.20260205")
_SCRIPT = Path(__file__).with_name("by_duckdb.py")


def _found(location: str) -> set[reading.Key]:
    wanted = [word for package in _WITH for word in ("--with", package)]
    done = subprocess.run(
        [
            "uv", "run", "--quiet", "--no-project", "--isolated", *wanted, "python", _SCRIPT,
            location,
        ],
        capture_output=True, text=True, timeout=50,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return {tuple(row) for row in json.loads(done.stdout)}


def test_duckdb_reads_the_table_as_it_stands_after_an_erasure(tmp_path: Path) -> None:
    desk = Desk(tmp_path, f"sqlite:///{tmp_path}/index/index.db")
    for day in DAYS:
        desk.add(ANNA, day)
        desk.add(BERT, day)
    desk.publish()
    desk.add(BERT, DAYS[0])
    desk.erase(ANNA)
    desk.publish()

    assert _found(reading.load(tmp_path).metadata_location) == desk.expected()
    desk.index.close()
