"""A store that lies about any one item is not sunk into."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import obstore.store
import pytest

from overt_schemas.errors import Permanent, Refused, Transient
from overt_sinks.stores.probe import Findings, probe
from overt_sinks.stores.store import AlreadyExists, Listed, Store


@dataclass
class LyingBucket:
    """A bucket that keeps its word except for one item."""

    lie: str = ""
    objects: dict[str, bytes] = field(default_factory=dict)
    listed: list[str] = field(default_factory=list)

    def create(self, name: str, data: bytes) -> None:
        if self.lie == "away":
            raise Transient("no answer", reason="store")
        if name in self.objects and self.lie != "overwrites":
            if self.lie == "says 200 and keeps the old":
                return
            raise AlreadyExists("taken", reason="exists")
        self.objects[name] = data

    def read(self, name: str) -> bytes:
        if self.lie == "keeps the new and says 412":
            return b"theirs"
        if self.lie == "cannot be read":
            raise Refused("no", reason="store_refused")
        if self.lie == "tears what was not waited for" and name.endswith("/lost"):
            return self.objects[name][:2]
        return self.objects[name]

    def list(self, folder: str) -> Iterable[Listed]:
        self.listed.append(folder)
        if self.lie == "lists later":
            return []
        return [Listed(name=name, size=1) for name in self.objects if name.startswith(f"{folder}/")]


@dataclass
class LyingDoors:
    """Doors that are shut except for one."""

    open: str = ""
    bucket: LyingBucket | None = None

    def takes_wrong_checksum(self, _name: str) -> bool:
        if self.open == "unprobed":
            raise Permanent("cannot", reason="x")
        return self.open == "checksum"

    def answers_strangers(self, _name: str) -> bool:
        return self.open == "anonymous"

    def side_door_open(self) -> bool:
        return self.open == "side"

    def lose_answer(self, name: str, body: bytes) -> bool:
        if self.bucket is not None and self.open != "forgets":
            self.bucket.objects[name] = body
        return self.bucket is not None

    def versioning(self) -> str:
        return "off"


def test_a_store_that_keeps_its_word_passes() -> None:
    bucket = LyingBucket()

    probe(bucket, bucket, LyingDoors(), "token")

    assert bucket.objects == {"probe/token/ours": b"ours token"}


def test_the_twin_of_the_store_passes() -> None:
    bucket = Store(obstore.store.MemoryStore())

    probe(bucket, bucket, LyingDoors(), "token")


@pytest.mark.parametrize(
    ("lie", "item"),
    [
        ("overwrites", "create_only"),
        ("says 200 and keeps the old", "create_only"),
        ("keeps the new and says 412", "create_only"),
        ("lists later", "list_after_put"),
        ("cannot be read", "read"),
    ],
)
def test_a_bucket_that_lies_is_refused_for_that(lie: str, item: str) -> None:
    with pytest.raises(Refused) as refused:
        probe(LyingBucket(lie), None, LyingDoors(), "token")

    assert refused.value.reason == item


@pytest.mark.parametrize(
    ("door", "item"),
    [
        ("checksum", "wrong_checksum"),
        ("unprobed", "wrong_checksum"),
        ("anonymous", "anonymous"),
        ("side", "side_door"),
    ],
)
def test_a_door_that_stands_open_is_refused_for_that(door: str, item: str) -> None:
    with pytest.raises(Refused) as refused:
        probe(LyingBucket(), None, LyingDoors(door), "token")

    assert refused.value.reason == item


def test_an_upload_without_an_answer_stands_and_is_not_created_again() -> None:
    bucket = LyingBucket()

    findings = probe(bucket, None, LyingDoors(bucket=bucket), "token")

    assert bucket.objects["probe/token/lost"] == b"first"
    assert findings == Findings(versioning="off", second_identity=False, lost_answer=True)


def test_an_upload_without_an_answer_that_never_came_is_created() -> None:
    bucket = LyingBucket()

    probe(bucket, None, LyingDoors("forgets", bucket), "token")

    assert bucket.objects["probe/token/lost"] == b"again"


def test_a_store_that_changes_an_upload_without_an_answer_is_refused() -> None:
    bucket = LyingBucket("tears what was not waited for")

    with pytest.raises(Refused) as refused:
        probe(bucket, None, LyingDoors(bucket=bucket), "token")

    assert refused.value.reason == "lost_answer"


def test_a_store_that_lets_only_others_overwrite_is_refused() -> None:
    honest = LyingBucket()
    second = LyingBucket("overwrites", honest.objects)

    with pytest.raises(Refused) as refused:
        probe(honest, second, LyingDoors(), "token")

    assert refused.value.reason == "create_only_second"


def test_a_store_that_does_not_answer_is_no_finding() -> None:
    with pytest.raises(Transient):
        probe(LyingBucket("away"), None, LyingDoors(), "token")


def test_nothing_is_probed_twice_under_one_name() -> None:
    bucket = LyingBucket()
    tokens: Iterator[str] = iter(["a", "b"])

    for token in tokens:
        probe(bucket, None, LyingDoors(), token)

    assert sorted(bucket.objects) == ["probe/a/ours", "probe/b/ours"]


def test_a_start_lists_what_it_put_and_not_what_all_starts_put() -> None:
    bucket = LyingBucket(objects={f"probe/{n}/ours": b"" for n in range(100)})

    probe(bucket, None, LyingDoors(), "token")

    assert bucket.listed == ["probe/token"]
