"""The ground of a storm: real servers, three groups that each own everything, disks that fill up.

Three sinks in groups of their own all believe that every partition is theirs: whatever one does is
to the others the work of a zombie. Index and store have each a small disk, so that it can be full.
"""

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka import TopicCollection as Topics
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    NewTopic,
    ResourcePatternType,
    ResourceType,
)

from overt_ops.devstack import Running
from overt_ops.devstack.layout import Layout
from overt_schemas.topics import PART
from overt_sinks.naming import topic_uuid
from tests.sinks.faulty import Faults, before
from tests.sinks.rewritten import rewritten
from tests.stack import brokers

PARTITIONS = 4
GROUPS = ("sink", "storm-1", "storm-2")
_ASK_S = 20
_INDEX_DISK, _STORE_DISK = "192m", "3g"
_SETTLED = {"retention.ms": "604800000", "max.message.bytes": "1048576"}


@dataclass(slots=True)
class Disk:
    """A small disk of memory, mounted for real."""

    folder: Path
    size: str

    def __enter__(self) -> "Disk":
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        options = f"size={self.size},mode=0700"
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(self.folder)]
        subprocess.run(command, check=True, capture_output=True)
        return self

    def __exit__(self, *_: object) -> None:
        # Lazily: whoever was killed a moment ago may still be on its way out.
        subprocess.run(["umount", "-l", str(self.folder)], check=True, capture_output=True)

    def fill(self) -> None:
        """Leave no room on it."""
        ballast = os.open(self.folder / "ballast", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            room = os.fstatvfs(ballast)
            os.posix_fallocate(ballast, 0, max(1, (room.f_bavail - 1) * room.f_bsize))
            os.lseek(ballast, 0, os.SEEK_END)
            while True:  # what is left, and what comes free meanwhile
                os.write(ballast, bytes(room.f_bsize))
        except OSError:
            return
        finally:
            os.close(ballast)

    def clear(self) -> None:
        """Give the room back."""
        (self.folder / "ballast").unlink(missing_ok=True)


@dataclass(slots=True, kw_only=True)
class Ground:
    """What stands before a storm begins; ``faults`` is the line to the store."""

    running: Running
    folder: Path
    faults: Faults
    url: str
    index: Disk
    store: Disk
    index_url: str
    admin: AdminClient

    def settings(self, who: str, name: str, changes: Mapping[str, Mapping[str, Any]]) -> Path:
        """Write the settings of ``who`` over again, behind the bad line, and return where."""
        place = {"store": {"url": self.url}, "index": {"url": self.index_url}}
        return rewritten(self.running.settings(who), self.folder / name, {**place, **changes})

    def topic_id(self) -> str:
        """Return the id of the topic as it is now."""
        asked = self.admin.describe_topics(Topics([PART]))
        return topic_uuid(str(asked[PART].result(_ASK_S).topic_id))

    def allow(self) -> None:
        """Let the sink's principal work in all the storm's groups."""
        binding = [
            AclBinding(
                ResourceType.GROUP, group, ResourcePatternType.LITERAL, "User:sink", "*",
                AclOperation.READ, AclPermissionType.ALLOW,
            )
            for group in GROUPS[1:]
        ]  # fmt: skip
        for done in self.admin.create_acls(binding).values():
            done.result(_ASK_S)

    def commit_zero(self, group: str) -> bool:
        """Commit the beginning, as ``topology apply`` does; False while the group has a member."""
        tops = [TopicPartition(PART, n, 0) for n in range(PARTITIONS)]
        asked = self.admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(group, tops)])
        try:
            answers = [
                one for done in asked.values() for one in done.result(_ASK_S).topic_partitions
            ]
        except KafkaException:
            return False
        return all(answer.error is None for answer in answers)

    def forget(self, group: str) -> bool:
        """Delete a group with its offsets; False while it has a member."""
        return _done(self.admin.delete_consumer_groups([group]))

    def recreate_topic(self) -> str:
        """Delete the topic and make it anew; return its new id."""
        old = self.topic_id()
        self.admin.delete_topics([PART])[PART].result(_ASK_S)
        while True:
            _done(self.admin.create_topics([NewTopic(PART, PARTITIONS, 1, config=_SETTLED)]))
            # Deleting takes its time, and so does learning of the new one.
            with suppress(KafkaException):
                if (new := self.topic_id()) != old:
                    return new


def _done(asked: Mapping[str, Any]) -> bool:
    try:
        for answer in asked.values():
            answer.result(_ASK_S)
    except KafkaException:
        return False
    return True


@contextmanager
def ground(folder: Path, faults: Faults, index_url: str = "") -> Iterator[Ground]:
    """Lend it: servers up, disks mounted, groups with offsets; afterwards nothing is left."""
    state = folder / "state"
    with ExitStack() as stack:
        data = Layout(state=state.resolve()).state / "seaweed" / "data"
        for above in (data.parent.parent, data.parent):
            above.mkdir(mode=0o700, parents=True, exist_ok=True)
        store = stack.enter_context(Disk(folder=data, size=_STORE_DISK))
        index = stack.enter_context(Disk(folder=folder / "index", size=_INDEX_DISK))
        running = stack.enter_context(brokers.stack(state, count=1))
        url = stack.enter_context(before(running.store_url, faults))
        made = Ground(
            running=running, folder=folder, faults=faults, url=url, index=index, store=store,
            index_url=index_url or f"sqlite:///{index.folder / 'index.db'}",
            admin=AdminClient(running.admin()),
        )  # fmt: skip
        made.allow()
        for group in GROUPS:
            assert made.commit_zero(group)
        yield made
