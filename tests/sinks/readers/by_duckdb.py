"""Prints the records of a container as JSON lines, bytes as hex. Run apart; see ``readers``."""

import json
import sys
from pathlib import Path

import duckdb  # type: ignore[import-not-found]
import duckdb_extension_avro  # type: ignore[import-not-found]

[extension] = Path(duckdb_extension_avro.__file__).parent.rglob("avro.duckdb_extension")
base = duckdb.connect(config={"autoinstall_known_extensions": "false"})
base.execute(f"LOAD '{extension}'")
found = base.execute("SELECT * FROM read_avro(?)", [sys.argv[1]])
names = [column[0] for column in found.description]
for row in found.fetchall():
    print(json.dumps(dict(zip(names, row, strict=True)), default=bytes.hex))
