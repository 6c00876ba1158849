"""What a stranger finds in a warehouse: by pyiceberg, by Parquet files alone, and by any byte."""

import sqlite3
from pathlib import Path
from typing import Any

import fastavro
import pyarrow.parquet as pq
from pyiceberg.catalog.sql import SqlCatalog

from overt_sinks.publish.place import Place

Key = tuple[str, str, str, int]  # person, day, object, byte_from


def load(folder: Path, at: Place | None = None) -> Any:
    """Return the table as a reader opens it, who knows the catalog and the store."""
    known = {"uri": f"sqlite:///{folder}/catalog.db", "warehouse": f"file://{folder}/warehouse"}
    catalog = SqlCatalog("overt", **(at.properties() if at else known))
    try:
        return catalog.load_table("overt.segments")
    finally:
        catalog.close()


def keys(folder: Path, at: Place | None = None) -> set[Key]:
    """Return what the table says stands where; nothing twice."""
    rows = load(folder, at).scan().to_arrow().to_pylist()
    found = [(r["person"], str(r["day"]), r["object"], r["byte_from"]) for r in rows]
    assert len(found) == len(set(found))
    return set(found)


def files(folder: Path) -> list[Path]:
    """Return every file below a folder, or the one file."""
    return [path for path in (folder, *folder.rglob("*")) if path.is_file()]


def mentions(folder: Path, word: str) -> list[Path]:
    """Return the files that hold a word, also inside Avro and Parquet, and in the catalog."""
    found = []
    for path in files(folder):
        text = path.read_bytes().decode("latin-1")
        if path.read_bytes().startswith(b"Obj\x01"):
            with path.open("rb") as file:
                text += repr(list(fastavro.reader(file)))
        elif path.read_bytes().startswith(b"PAR1"):
            text += repr(pq.ParquetFile(path).read().to_pylist())
        elif path.suffix == ".db":
            db = sqlite3.connect(path)
            text += "\n".join(db.iterdump())
            db.close()
        if word in text:
            found.append(path)
    return found
