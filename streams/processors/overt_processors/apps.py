"""The apps of this room: one row each. Everything else in the shell is the same for all of them.

An app's name is its consumer group and what its log lines are signed with. Its agent is imported
when its worker starts, so that one app never pays for, or falls over, the code of another.
"""

import importlib
from dataclasses import dataclass
from typing import Any

from overt_schemas.ids import Stream
from overt_schemas.topics import BEACON, CONTROL, DEVICE, GRANT, PART, PERSON, RAW

_REFINE = (CONTROL, DEVICE, PERSON, BEACON)


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """One row.

    Attributes:
        name: app, consumer group, service.
        section: the settings' table that paces it.
        topic: what it reads.
        registries: what it reads to the end before the first record.
        buffer: messages a stream buffers beyond the fetcher; 6 KB each for input, 1 MB for frames.
        needs_keys: whether the authority is asked for the processors' keys.
        notices: whether records that expired unread leave a signed notice on overt.part.v1.
        agent: module with ``make(context) -> Processor``.
    """

    name: str
    section: str
    topic: str
    registries: tuple[str, ...]
    buffer: int
    needs_keys: bool
    notices: bool
    agent: str

    def make(self, context: Any) -> Any:
        """Return the app's processor, importing its agent now."""
        return importlib.import_module(self.agent).make(context)

    @property
    def command(self) -> str:
        """The words that start it."""
        stream = next((s for s in Stream if RAW[s] == self.topic), None)
        return f"{self.section} --stream {stream.name.lower()}" if stream else self.section


def _refine(stream: Stream, buffer: int) -> App:
    return App(
        name=f"refine-{stream.name.lower()}", section="refine", topic=RAW[stream],
        registries=_REFINE, buffer=buffer, needs_keys=True, notices=True,
        agent="overt_processors.agents.refine",
    )  # fmt: skip


TABLE = {
    app.name: app
    for app in (
        _refine(Stream.INPUT, 1024),
        _refine(Stream.FRAME, 32),
        App(
            name="feed", section="feed", topic=PART, registries=(CONTROL, DEVICE, PERSON, GRANT),
            buffer=64, needs_keys=False, notices=False, agent="overt_processors.agents.feed",
        ),
        App(
            name="session", section="session", topic=PART, registries=(CONTROL,),
            buffer=64, needs_keys=False, notices=False, agent="overt_processors.agents.session",
        ),
    )
}  # fmt: skip
