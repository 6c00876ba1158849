"""The whole process with a file in the place of Kafka: ``python -m ... CONFIG FILE``.

Each published record is a line, flushed; while ``FILE.down`` exists nothing is acknowledged.
"""

import base64
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from overt_authority import settings, telemetry
from overt_authority.publish import Outgoing
from overt_authority.serve import run
from overt_schemas.errors import Transient


class FilePublisher:
    def __init__(self, path: Path) -> None:
        self._path = path

    def publish(self, records: Sequence[Outgoing]) -> None:
        self.check()
        with self._path.open("a") as file:
            for record in records:
                key = base64.b64encode(record.key or b"").decode()
                value = base64.b64encode(record.value).decode()
                file.write(json.dumps([record.topic, key, value]) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def check(self) -> None:
        if self._path.with_suffix(".down").exists():
            raise Transient("brokers do not acknowledge", reason="kafka")

    def close(self) -> None:
        pass


def read(path: Path, topic: str) -> list[tuple[bytes, bytes]]:
    """Return key and value of what was published to a topic; a torn last line is none."""
    records = []
    for line in path.read_text().splitlines():
        try:
            name, key, value = json.loads(line)
        except ValueError:
            continue
        if name == topic:
            records.append((base64.b64decode(key), base64.b64decode(value)))
    return records


if __name__ == "__main__":
    telemetry.configure()
    sys.exit(run(settings.load(Path(sys.argv[1])), FilePublisher(Path(sys.argv[2]))))
