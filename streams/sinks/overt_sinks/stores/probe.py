"""The start-up probe: what a store must do before a sink trusts it with a chain.

Some servers say 200 to a conditional put and overwrite, or take a wrong checksum, or answer
strangers. The chain is only as good as the store's create, so each item is tried for real at each
start, on a small object below ``probe/`` (the sink may not delete: a lifecycle rule sweeps them).
An item that cannot be tried counts as failed.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from overt_schemas.errors import OvertError, Refused, Transient
from overt_sinks.stores.store import AlreadyExists, Listed

FOLDER = "probe"
R = TypeVar("R")


class Bucket(Protocol):
    """What is probed as an identity; ``store.Store`` is one."""

    def create(self, name: str, data: bytes) -> None:
        """Create an object, or raise ``AlreadyExists``."""
        ...

    def read(self, name: str) -> bytes:
        """Return an object."""
        ...

    def list(self, folder: str) -> Iterable[Listed]:
        """Return the objects below a folder."""
        ...


class Doors(Protocol):
    """What is probed around the identities; ``doors`` has those of S3 and of a folder."""

    def takes_wrong_checksum(self, name: str) -> bool:
        """Whether an upload whose checksum is wrong was accepted."""
        ...

    def lose_answer(self, name: str, body: bytes) -> bool:
        """Upload without waiting for the answer; False where that cannot happen."""
        ...

    def versioning(self) -> str:
        """Whether the uploads above made versions: ``on``, ``off`` or ``unknown``."""
        ...

    def answers_strangers(self, name: str) -> bool:
        """Whether somebody without an identity can read that object or list its bucket."""
        ...

    def side_door_open(self) -> bool:
        """Whether the store's inner port answers a stranger; False where there is none to ask."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What the probe saw of a store that passed.

    Attributes:
        versioning: ``on`` (deleting leaves the bytes until they are purged), ``off``, ``unknown``.
        second_identity: whether create-only was tried as another identity too.
        lost_answer: whether an upload without an answer could be tried.
    """

    versioning: str
    second_identity: bool
    lost_answer: bool


def probe(bucket: Bucket, second: Bucket | None, doors: Doors, token: str) -> Findings:
    """Return what a store that passes is like; ``token`` is new for each call.

    Raises:
        Refused: it does not, with the item as reason. No sink may run on it.
        Transient: it did not answer at all.
    """
    # A folder for each start: what is listed stays one object, however many starts there were.
    folder = f"{FOLDER}/{token}"
    name, ours, theirs = f"{folder}/ours", b"ours " + token.encode(), b"theirs"
    _try("create", lambda: bucket.create(name, ours))
    _must(
        not _created(bucket, name, theirs),
        "create_only", "the store overwrites what was created once",
    )  # fmt: skip
    if second is not None:
        _must(
            not _created(second, name, theirs),
            "create_only_second", "the store lets a second identity overwrite",
        )  # fmt: skip
    kept = _try("read", lambda: bucket.read(name))
    _must(kept == ours, "create_only", "the store says it kept an object and did not")
    listed = _try("list", lambda: [item.name for item in bucket.list(folder)])
    _must(name in listed, "list_after_put", "the store does not list what it just took")
    _must(
        not _try("wrong_checksum", lambda: doors.takes_wrong_checksum(f"{folder}/wrong")),
        "wrong_checksum", "the store takes an upload whose checksum is wrong",
    )  # fmt: skip
    lost = _lost_answer(bucket, doors, f"{folder}/lost")
    _must(
        not _try("anonymous", lambda: doors.answers_strangers(name)),
        "anonymous", "the store answers callers without an identity",
    )  # fmt: skip
    _must(
        not _try("side_door", doors.side_door_open),
        "side_door", "the store's inner port answers callers without an identity",
    )  # fmt: skip

    return Findings(
        versioning=doors.versioning(), second_identity=second is not None, lost_answer=lost
    )


def _lost_answer(bucket: Bucket, doors: Doors, name: str) -> bool:
    """Try what the chain does when nobody knows whether a create happened: ask again, look."""
    first, again = b"first", b"again"
    if not _try("lost_answer", lambda: doors.lose_answer(name, first)):
        return False
    expected = again if _created(bucket, name, again) else first
    for _ in range(2):
        _must(
            _try("read", lambda: bucket.read(name)) == expected
            and not _created(bucket, name, b"third"),
            "lost_answer", "the store loses or changes an upload whose answer was not waited for",
        )  # fmt: skip
    return True


def _created(bucket: Bucket, name: str, data: bytes) -> bool:
    try:
        _try("create_only", lambda: bucket.create(name, data))
    except AlreadyExists:
        return False
    return True


def _must(holds: bool, reason: str, message: str) -> None:
    if not holds:
        raise Refused(f"{message}: use another store, or mend its settings", reason=reason)


def _try(item: str, call: Callable[[], R]) -> R:
    try:
        return call()
    except (AlreadyExists, Transient):
        raise
    except OvertError as exc:
        raise Refused(f"the store cannot be probed ({item}): {exc}", reason=item) from exc
