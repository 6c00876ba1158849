"""will.db: what capture must remember over a restart. Capture alone writes it.

The person's will, the highest beacon ever verified (only rising), how the clocks stood then and
under which run of the kernel, and which decision was stated last. The receipt lies here as capture
signed it: one of another device or person, or a file that somebody filled in, is no consent.
"""

import json
import sqlite3
from dataclasses import asdict
from pathlib import Path
from typing import Any

from overt_producer.consent import Will
from overt_producer.lease import Clocks
from overt_producer.spool.schema import connect_wal, translated
from overt_schemas import codec
from overt_schemas.errors import Permanent
from overt_schemas.records import Consent, Signed
from overt_schemas.signing import SigningKey, open_record

_DDL = "CREATE TABLE IF NOT EXISTS memory (name TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL);"
_KERNEL_BOOT = Path("/proc/sys/kernel/random/boot_id")


class WillStore:
    """The file.

    Args:
        path: where it lies.
        signer: the device's own key, which signs what is kept and proves what is read.
        person: who is enrolled here; a receipt of somebody else counts for nothing.
    """

    def __init__(self, path: Path, signer: SigningKey, person: str) -> None:
        self._db = connect_wal(path, _DDL)
        self._signer, self._person = signer, person

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def will(self) -> Will:
        """Return the will as it was saved; a receipt that proves nothing is left out."""
        value = self._get("will")
        if value is None:
            return Will()
        return Will(
            receipt=self._proved(value["receipt"]), standing=self._all_proved(value, "standing"),
            owed=self._all_proved(value, "owed"), is_opted_out=bool(value["is_opted_out"]),
            is_paused=bool(value["is_paused"]),
        )  # fmt: skip

    def save_will(self, will: Will) -> None:
        """Remember the will; on disk when this returns."""
        saved = {
            "receipt": self._signed(will.receipt) if will.receipt else None,
            "standing": [self._signed(receipt) for receipt in will.standing],
            "owed": [self._signed(receipt) for receipt in will.owed],
            "is_opted_out": will.is_opted_out, "is_paused": will.is_paused,
        }  # fmt: skip
        self._put("will", saved)
        self._sync()

    def stated(self) -> list[str]:
        """Return consent and decision that were spooled last; nothing before the first."""
        return list(self._get("stated") or ())

    def save_stated(self, receipt: Consent) -> None:
        """Remember that a receipt was spooled."""
        self._put("stated", statement_of(receipt))

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

    def _signed(self, receipt: Consent) -> str:
        return codec.encode(self._signer.sign_record(receipt)).hex()

    def _all_proved(self, value: dict[str, Any], name: str) -> tuple[Consent, ...]:
        found = (self._proved(text) for text in value.get(name, ()))
        return tuple(receipt for receipt in found if receipt is not None)

    def _proved(self, text: object) -> Consent | None:
        try:
            signed = codec.decode(bytes.fromhex(str(text)), Signed)
            receipt = open_record(signed, self._signer.public_bytes(), Consent)
        except (Permanent, ValueError):
            return None
        is_ours = receipt.person == self._person and signed.key_id == self._signer.key_id
        return receipt if is_ours else None

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


def statement_of(receipt: Consent) -> list[str]:
    """Return what tells one decision from another."""
    return [receipt.consent, receipt.decision]


def kernel_boot() -> str:
    """Return the id of this run of the kernel; "" where there is none, which never matches."""
    try:
        return _KERNEL_BOOT.read_text("ascii").strip()
    except OSError:
        return ""
