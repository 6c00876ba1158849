"""Capture and ship start at the same moment and make their common files together."""

import sqlite3
import subprocess
import sys
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


def test_a_second_opening_in_a_process_keeps_the_file_from_being_cleared_up(
    tmp_path: Path,
) -> None:
    """Closing any handle of a file drops all locks that a process has on it (POSIX).

    Without its lock the process would not be seen, and whoever closes next would take itself for
    the last one and remove the log in use.
    """
    path = tmp_path / "spool.db"
    first, second = connect(path), connect(path)
    first.execute("INSERT INTO gaps VALUES (x'00', 'policy', 1)")

    other_process(path, "pass")

    assert path.with_name("spool.db-wal").exists()
    first.execute("INSERT INTO gaps VALUES (x'01', 'policy', 1)")
    assert other_process(path, "print(db.execute('SELECT count(*) FROM gaps').fetchone()[0])") == 2
    first.close()
    second.close()


def other_process(path: Path, act: str) -> int:
    """Open the file in another process, act, close it; return the number it printed."""
    code = (
        "import sys; from pathlib import Path; from overt_producer.spool.schema import connect\n"
        f"db = connect(Path(sys.argv[1])); {act}; db.close()"
    )
    argv = [sys.executable, "-c", code, str(path)]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=30)
    return int(done.stdout or 0)
