"""The whole way: a real authority over TLS, real stores, the subscriber's own client.

The long test prints what ranges and READ bring a second on SeaweedFS.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from overt_authority.services import Services
from overt_schemas import codec
from overt_schemas.errors import Malformed, Refused, Transient
from overt_schemas.records import StoredPart
from overt_subscriber.authority import Authority
from overt_subscriber.bulk import CHUNK_BYTES, Bulk
from overt_subscriber.settings import Authority as AuthoritySettings
from overt_subscriber.settings import Ranges
from overt_subscriber.source import Unreadable
from overt_subscriber.stored import Stored
from tests.authority import kit, story
from tests.authority.range_stores import TIERS, RealStore, seaweed_store

pytestmark = pytest.mark.timeout(120)
MB = 1_048_576


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """An authority with stored runs of a person, a grant over them, and a reader's client."""

    services: Services
    client: Authority
    shelf: story.Shelf
    grant: str
    columns: dict[str, object]
    store: RealStore

    def put(self, tier: str, name: str, records: list[StoredPart], first: int) -> list[str]:
        """Store records, a run each."""
        return self.shelf.put(
            name,
            [
                ({**self.columns, "segment": at, "first_batch": at, "last_batch": at},
                 codec.pack(record))
                for at, record in enumerate(records, first)
            ],
            gap=bytes(range(256)) * 8, tier=tier,
        )  # fmt: skip


def record(number: int, size: int) -> StoredPart:
    value = number.to_bytes(4) * (size // 4)
    return StoredPart(
        topic_id="t", partition=0, offset=number, append_ms=1_764_000_000_000, key=b"k",
        headers=(), schema_id=3, value=value,
    )  # fmt: skip


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealStore]:
    with seaweed_store(tmp_path_factory.mktemp("store")) as running:
        yield running


@pytest.fixture
def library(store: RealStore, tmp_path: Path) -> Iterator[Library]:
    world = kit.make_world(tmp_path, store.settings(tmp_path / "keys"))
    cert, key = world.certificate("subscriber", story.SUBSCRIBER)
    root = kit.secret(tmp_path / "root.pub", world.root.public_bytes().hex())
    with kit.running(world) as (services, _), kit.serving(services, world) as url:
        endpoint = story.enrol(services)
        story.agree(services, endpoint)
        columns: dict[str, object] = {
            "person": endpoint.enrolled.person, "device": endpoint.enrolled.device.hex()
        }  # fmt: skip
        settings = AuthoritySettings(
            url=url, ca=world.service_ca.cert_path, cert=Path(cert), key=Path(key), root_key=root
        )
        shelf = story.Shelf(world.folder, store.put)
        with Authority(settings, attempts=2, pause=lambda _seconds: None) as client:
            yield Library(
                services=services, client=client, shelf=shelf, columns=columns, store=store,
                grant=story.grant(services, endpoint),
            )  # fmt: skip
        shelf.close()


def values(source: Stored) -> list[StoredPart | Unreadable]:
    return [news for news in source if isinstance(news, StoredPart | Unreadable)]


def names(library: Library) -> str:
    return f"person=p/day=d/{library.grant}"


def test_a_reading_by_ranges_is_the_reading_by_read_over_all_tiers(library: Library) -> None:
    records = [record(number, 600_000) for number in range(30)]
    for at, tier in enumerate(TIERS):
        library.put(tier, f"{names(library)}/{tier}.avro", records[10 * at : 10 * at + 10], 10 * at)
    library.services.ranges.prove()
    before = library.services.log.head().size

    plain = values(Stored(library.client, library.grant))
    with Bulk(library.client, Ranges(at_least_bytes=MB)) as bulk:
        direct = values(Stored(bulk, library.grant, chunk_bytes=CHUNK_BYTES))

    assert plain == direct == records
    # Three calls of READ, bounded to 8 MB each, and one of RANGES: an entry each.
    entries = list(library.services.log.entries(before, before + 9))
    assert [entry.detail.split()[0] for entry in entries] == [
        "runs=13",
        "runs=13",
        "runs=4",
        "runs=30",
    ]


def test_an_object_that_was_tampered_with_is_not_taken_for_content(library: Library) -> None:
    records = [record(number, 600_000) for number in range(20)]
    name = f"{names(library)}/tampered.avro"
    library.put("warm", name, records, 0)
    library.services.ranges.prove()

    library.store.put("warm", name, b"\xff" * 14_000_000)
    with Bulk(library.client, Ranges(at_least_bytes=MB)) as bulk:
        got = values(Stored(bulk, library.grant, chunk_bytes=CHUNK_BYTES))

    assert got == [Unreadable(reason="malformed")] * 20


def test_an_object_that_was_cut_short_ends_the_reading_and_is_not_an_end(
    library: Library,
) -> None:
    records = [record(number, 600_000) for number in range(20)]
    name = f"{names(library)}/short.avro"
    library.put("warm", name, records, 0)
    library.services.ranges.prove()

    library.store.put("warm", name, b"\xff" * 6_000_000)
    with Bulk(library.client, Ranges(at_least_bytes=MB)) as bulk, pytest.raises(Transient):
        values(Stored(bulk, library.grant, chunk_bytes=CHUNK_BYTES))


def test_an_ended_grant_and_a_store_that_was_never_proved_are_what_they_are_by_read(
    library: Library,
) -> None:
    records = [record(number, 600_000) for number in range(20)]
    library.put("hot", f"{names(library)}/hot.avro", records, 0)

    with Bulk(library.client, Ranges(at_least_bytes=MB)) as bulk:
        unproved = values(Stored(bulk, library.grant, chunk_bytes=CHUNK_BYTES))
        library.services.ranges.prove()
        library.services.grants.end(library.grant, "op-1")
        with pytest.raises(Refused, match="grant_expired"):
            values(Stored(bulk, library.grant))

    assert unproved == records


def test_a_ca_that_is_none_is_a_mistake_in_the_settings(tmp_path: Path, library: Library) -> None:
    with pytest.raises(Malformed, match=r"ranges\.ca"):
        Bulk(library.client, Ranges(ca=tmp_path / "none.pem"))


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("size", [64_000, 256_000, MB, 4 * MB], ids=lambda n: f"{n // 1000}KB")
def test_megabytes_a_second_by_ranges_and_by_read(
    library: Library,
    size: int,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    total = 192 * MB
    count = total // size
    for at in range(0, count, 32 * MB // size):
        some = [record(n, size) for n in range(at, min(count, at + 32 * MB // size))]
        library.put("warm", f"{names(library)}/{at:08}.avro", some, at)
    library.services.ranges.prove()

    taken: dict[str, float] = {}
    for _ in range(3):
        began = time.perf_counter()
        assert sum(1 for _ in values(Stored(library.client, library.grant))) == count
        taken["READ"] = min(taken.get("READ", 1e9), time.perf_counter() - began)
        for parallel in (1, 4):
            with Bulk(library.client, Ranges(at_least_bytes=0, parallel=parallel)) as bulk:
                # Whatever their size: the curve is what says which size is worth it.
                monkeypatch.setattr("overt_subscriber.bulk.LEAST_BYTES", 0)
                began = time.perf_counter()
                source = Stored(bulk, library.grant, chunk_bytes=CHUNK_BYTES)
                assert sum(1 for _ in values(source)) == count
                name = f"ranges x{parallel}"
                taken[name] = min(taken.get(name, 1e9), time.perf_counter() - began)

    rates = {name: total / MB / seconds for name, seconds in taken.items()}
    with capsys.disabled():
        told = ", ".join(f"{name} {rate:.0f} MB/s" for name, rate in rates.items())
        print(f"\nruns of {size // 1000} KB: {told}", end="")
    if size >= MB:
        assert rates["ranges x4"] > 0.5 * rates["READ"]
