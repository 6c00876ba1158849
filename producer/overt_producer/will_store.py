"""will.db: what capture must remember over a restart. Capture alone writes it.

The person's will, the highest beacon ever verified (only rising), how the clocks stood then and
under which run of the kernel, and the number of the last presence record.
"""

import json
import sqlite3
from dataclasses import asdict
from pathlib import Path
from typing import Any

from overt_producer.consent import Will
from overt_producer.lease import Clocks
from overt_producer.spool.schema import connect_wal, translated
from overt_schemas.records import Consent

_DDL = "CREATE TABLE IF NOT EXISTS memory (name TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL);"
_KERNEL_BOOT = Path("/proc/sys/kernel/random/boot_id")


class WillStore:
    """The file."""

    def __init__(self, path: Path) -> None:
        self._db = connect_wal(path, _DDL)

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def will(self) -> Will:
        """Return the will as it was saved."""
        value = self._get("will")
        if value is None:
            return Will()
        known = value.pop("receipt")
        if known is None:
            return Will(**value)
        known["purposes"] = tuple(known["purposes"])
        known["device"] = bytes.fromhex(known["device"])
        return Will(**value, receipt=Consent(**known))

    def save_will(self, will: Will) -> None:
        """Remember the will; on disk when this returns."""
        receipt = None
        if will.receipt is not None:
            receipt = {**asdict(will.receipt), "device": will.receipt.device.hex()}
        self._put(
            "will",
            {"receipt": receipt, "is_opted_out": will.is_opted_out, "is_paused": will.is_paused},
        )
        self._sync()

    def highest(self) -> tuple[int, bool, Clocks | None]:
        """Return highest beacon, whether this machine still runs since then, and the clocks."""
        value = self._get("lease")
        if value is None:
            return -1, False, None
        clocks = Clocks(**value["clocks"]) if value["clocks"] else None
        here = kernel_boot()
        return int(value["highest"]), bool(here) and value["kernel"] == here, clocks

    def save_highest(self, highest: int, clocks: Clocks | None) -> None:
        """Remember the highest beacon."""
        known = asdict(clocks) if clocks else None
        self._put("lease", {"highest": highest, "kernel": kernel_boot(), "clocks": known})

    def _get(self, name: str) -> Any:
        try:
            row = self._db.execute("SELECT value FROM memory WHERE name = ?", (name,)).fetchone()
        except sqlite3.Error as exc:
            raise translated(exc) from exc
        return None if row is None else json.loads(row[0])

    def _put(self, name: str, value: Any) -> None:
        try:
            self._db.execute(
                "INSERT OR REPLACE INTO memory (name, value) VALUES (?, ?)",
                (name, json.dumps(value)),
            )
        except sqlite3.Error as exc:
            raise translated(exc) from exc

    def _sync(self) -> None:
        self._db.execute("PRAGMA wal_checkpoint(FULL)").fetchone()


def kernel_boot() -> str:
    """Return the id of this run of the kernel; "" where there is none, which never matches."""
    try:
        return _KERNEL_BOOT.read_text("ascii").strip()
    except OSError:
        return ""
