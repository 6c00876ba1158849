"""Prints what duckdb's own Iceberg reader finds in a table, as JSON. Run apart; see the test."""

import importlib.metadata
import json
import sys

import duckdb  # type: ignore[import-not-found]

base = duckdb.connect(config={"autoinstall_known_extensions": "false"})
for package in ("duckdb-ext-avro", "duckdb-ext-iceberg"):
    for file in importlib.metadata.files(package) or ():
        if file.suffix == ".duckdb_extension":
            base.execute(f"LOAD '{file.locate()}'")
found = base.execute(
    "SELECT person, CAST(day AS VARCHAR), object, byte_from FROM iceberg_scan(?)", [sys.argv[1]]
)
print(json.dumps(found.fetchall()))
