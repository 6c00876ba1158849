"""Names: of objects, of runs, of a topic's id. Pure.

An object is ``topic=<name>/topicid=<id>/part=<n>/<first offset, 20 digits>.avro``. Its name says
where its range begins and nothing about where it ends; the next object of the partition begins
behind it. The topic's id stands in the path, so a topic that was made anew starts another chain.
"""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache

from overt_schemas.errors import Malformed

_OBJECT = re.compile(
    r"topic=(?P<topic>[A-Za-z0-9._-]+)/topicid=(?P<id>[A-Za-z0-9_-]{22})"
    r"/part=(?P<part>0|[1-9]\d{0,9})/(?P<first>\d{20})\.avro"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """One partition of one incarnation of a topic: what a chain of objects belongs to."""

    topic: str
    topic_id: str
    number: int

    @property
    def prefix(self) -> str:
        """The folder of the partition's objects, without a slash at the end."""
        return f"topic={self.topic}/topicid={self.topic_id}/part={self.number}"

    def object(self, first: int) -> str:
        """Return the name of the object whose range begins at ``first``."""
        return f"{self.prefix}/{first:020d}.avro"


def parse_object(name: str) -> tuple[Partition, int]:
    """Return the partition and the first offset that an object's name holds.

    Raises:
        Malformed: the name is not one that ``Partition.object`` gives.
    """
    found = _OBJECT.fullmatch(name)
    if found is None:
        raise Malformed("object name is not one of a sink", reason="object_name")
    where = Partition(topic=found["topic"], topic_id=found["id"], number=int(found["part"]))
    return where, int(found["first"])


def topic_folder(topic: str) -> str:
    """Return the folder of all incarnations of a topic."""
    return f"topic={topic}"


def run_name(object_name: str, byte_from: int) -> str:
    """Return the name of a run: the same wherever its row is made again."""
    return f"{_mark(object_name)}-{byte_from}"


@lru_cache(maxsize=64)  # an object has thousands of runs, a sink a few objects in hand
def _mark(object_name: str) -> str:
    return hashlib.sha256(object_name.encode()).hexdigest()[:16]


def topic_uuid(text: str) -> str:
    """Return a topic's id as Kafka prints it: 22 characters, safe in a path.

    librdkafka prints the plain base64 alphabet, whose slash would make a folder.

    Raises:
        Malformed: not the base64 of 16 bytes.
    """
    plain = text.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        raw = base64.b64decode(plain + "==", validate=True)
    except (binascii.Error, ValueError) as exc:
        raise Malformed("topic id is not base64", reason="topic_id") from exc
    if len(raw) != 16:
        raise Malformed("topic id is not of 16 bytes", reason="topic_id")
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
