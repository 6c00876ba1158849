"""Capture and ship start at the same moment and make their common files together."""

import sqlite3
import threading
from pathlib import Path

from overt_producer.spool.schema import connect


def test_a_file_that_the_other_process_is_just_making_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "spool.db"
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("CREATE TABLE early (x)")
    other.execute("BEGIN IMMEDIATE")  # where SQLite refuses the switch to WAL without any waiting
    writing = threading.Timer(0.3, other.execute, ["COMMIT"])
    writing.start()

    db = connect(path)

    writing.join()
    other.close()
    assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    db.close()
