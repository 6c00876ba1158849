"""The demo's two subscribers: one reads what is stored, one is shown a sealed segment."""

import base64
import io
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fastavro
import httpx

from overt_ops.demo.admin import Door
from overt_ops.demo.endpoint import program
from overt_ops.demo.transcript import Transcript
from overt_schemas import api, codec
from overt_schemas.catalogue import ID_OF, schema
from overt_schemas.errors import EXIT_FINDING, EXIT_OK, EXIT_PARTIAL, Permanent, Transient
from overt_schemas.records import Part

PURPOSE = "train-computer-use-agents"
SHOWN = 10  # events that the demo shows


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What `overt-sub read` said: the first events, all of them as a transcript, the summary."""

    events: list[dict[str, Any]]
    transcript: Transcript
    summary: dict[str, Any]


def read(settings: Path, grant: str, timeout_s: int, events: int | None = None) -> Reading:
    """Read until every session is complete or cut, at most ``timeout_s`` seconds.

    ``events`` is how many the reader is to show; all of them without.

    Raises:
        Permanent: the reader failed; with the one line it printed.
    """
    argv = [
        program("overt-sub"), "read", "--config", str(settings), "--grant", grant,
        "--purpose", PURPOSE, "--wait-complete", "--timeout", str(timeout_s), "-o", "jsonl",
    ]  # fmt: skip
    argv += [] if events is None else ["--events", str(events)]
    done = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=timeout_s + 60)
    if done.returncode not in (EXIT_OK, EXIT_FINDING, EXIT_PARTIAL):
        said = done.stderr.strip().splitlines()
        raise Permanent(said[-1] if said else "overt-sub read failed", reason="read")
    first: list[dict[str, Any]] = []
    transcript = Transcript()
    *shown, summary = filter(str.strip, done.stdout.split("\n"))
    for row in map(json.loads, shown):
        transcript.add(row)
        first += [row] if len(first) < SHOWN else []
    return Reading(events=first, transcript=transcript, summary=json.loads(summary))


def shown(door: Door, grant: str) -> tuple[bytes, bytes, str]:
    """Return segment header, wrap and key id of a part, as its rightful reader gets them sealed."""
    try:
        with door.client() as client:
            listed = client.get(api.SEGMENTS, params={"grant": grant, "limit": 50})
            listed.raise_for_status()
            runs = [row["run"] for row in listed.json()["runs"] if row["kind"] == "part"]
            answer = client.post(api.READ, json={"grant": grant, "runs": runs[:1]})
            answer.raise_for_status()
    except httpx.HTTPError as exc:
        raise Transient("the authority did not show a segment", reason="read") from exc
    row: Any = fastavro.schemaless_reader(
        io.BytesIO(answer.content), schema("StoredPart").parsed, None
    )
    if row["schema_id"] != ID_OF["Part"]:
        raise Permanent("a run of parts holds another record", reason="read")
    part = codec.unpack(Part, row["value"])
    return part.segment, part.wrap, part.person_key


def encoded(data: bytes) -> str:
    """Return bytes as the interface carries them."""
    return base64.b64encode(data).decode()
