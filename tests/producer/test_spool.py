"""The spool against a model, with kills in between, and what it must never let go of."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from overt_producer.sealing import SpoolBatch
from overt_producer.spool import Outgoing, Spool
from overt_producer.spool.quota import Content, Store, victims
from overt_producer.spool.reader import CONTENT_LANE, FIRST_LANE
from overt_schemas import codec
from overt_schemas.envelope import batch as envelope
from overt_schemas.errors import Permanent
from overt_schemas.ids import Stream, new_id
from overt_schemas.records import SealedBatch, Tombstone
from overt_schemas.testing import ScriptedDevice, empty_input

DEVICE = ScriptedDevice()
PERIOD = DEVICE.period()
HOUR_MS = 3_600_000
TOMBSTONES: dict[bytes, Tombstone] = {}


def sealed(boot: bytes, number: int, stream: Stream = Stream.INPUT, events: int = 3) -> SpoolBatch:
    one = DEVICE.seal(PERIOD, empty_input(), stream=stream)
    TOMBSTONES[one.record.header] = one.tombstone
    return SpoolBatch(
        boot=boot, stream=stream, number=number, consent="c-1", person="p-1",
        record=codec.encode(one.record), tombstone=codec.encode(one.tombstone),
        events=events if stream is Stream.INPUT else 0, dropped={"policy": 1},
    )  # fmt: skip


@dataclass
class Model:
    """What must be true of the file."""

    lanes: dict[int, list[tuple[str, bytes]]] = field(default_factory=lambda: {0: [], 1: []})
    batches: Counter[tuple[bytes, int]] = field(default_factory=Counter)
    published: Counter[tuple[bytes, int]] = field(default_factory=Counter)
    events: int = 0


class SpoolMachine(RuleBasedStateMachine):
    """Random appends, statements, acknowledgements, quotas and kills."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.path = self.folder / "spool.db"
        self.model = Model()

    @initialize()
    def open(self) -> None:
        self.spool, self.ship = Spool(self.path), Outgoing(self.path)
        self.boot = new_id()
        self.spool.begin(self.boot, "p-1")

    @rule(streams=st.lists(st.sampled_from(list(Stream)), min_size=1, max_size=4))
    def append(self, streams: list[Stream]) -> None:
        made = []
        for stream in streams:
            number = self.model.batches[self.boot, stream]
            one = sealed(self.boot, number, stream)
            self.model.batches[self.boot, stream] += 1
            self.model.lanes[1].append(("batch", one.record))
            self.model.events += one.events
            made.append(one)
        self.spool.append(made, 1000)

    @rule()
    def say(self) -> None:
        self.spool.say("consent", self.boot, b"consent", 1000)
        self.model.lanes[0].append(("consent", b"consent"))

    @rule(count=st.integers(1, 4), lane=st.sampled_from([FIRST_LANE, CONTENT_LANE]))
    def acknowledge(self, count: int, lane: int) -> None:
        rows = self.ship.after(lane, 0, count)
        self.ship.trim([row.id for row in rows])
        for row in rows:
            kind, value = self.model.lanes[lane].pop(0)
            assert (row.kind, row.value) == (kind, value)
            if kind == "batch":
                self.model.published[self.boot, row.stream] += 1

    @rule()
    def age(self) -> None:
        """A day passes: what is left of all content are its tombstones."""
        self.spool.enforce(Store(age_h=1, cap_bytes=1 << 40), 1000 + 24 * HOUR_MS)
        self.model.lanes[1] = [(kind, _tombstone(value)) for kind, value in self.model.lanes[1]]

    @rule()
    def kill(self) -> None:
        """Both processes die: nothing is closed, the next ones open the same files."""
        copy = Path(tempfile.mkdtemp(dir=self.folder))
        for file in self.path.parent.glob("spool.db*"):
            shutil.copy(file, copy / file.name)
        self.spool._db.close()
        self.ship.close()
        self.path = copy / "spool.db"
        self.spool, self.ship = Spool(self.path), Outgoing(self.path)

    @invariant()
    def the_file_is_what_the_model_says(self) -> None:
        for lane, expected in self.model.lanes.items():
            rows = self.ship.after(lane, 0, 10_000)
            assert [(row.kind, row.value) for row in rows] == expected
        (boot,) = self.spool.boots()
        assert boot.input_batches == self.model.batches[self.boot, 0]
        assert boot.frame_batches == self.model.batches[self.boot, 1]
        assert boot.events == self.model.events
        published = self.ship.account()["published"]
        assert published == {
            "input": self.model.published[self.boot, 0],
            "frame": self.model.published[self.boot, 1],
        }

    def teardown(self) -> None:
        if hasattr(self, "spool"):
            self.spool.close()
            self.ship.close()
        shutil.rmtree(self.folder)


def _tombstone(value: bytes) -> bytes:
    if codec.schema_of(value).name == "Tombstone":
        return value
    record = codec.decode(value, SealedBatch)
    return codec.encode(envelope.drop(TOMBSTONES[record.header], "age"))


TestSpoolMachine = SpoolMachine.TestCase
TestSpoolMachine.settings = settings(max_examples=15, stateful_step_count=15, deadline=None)


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    opened = Spool(tmp_path / "home" / "spool.db")
    yield opened
    opened._db.close()


def begun(spool: Spool) -> bytes:
    boot = new_id()
    spool.begin(boot, "p-1")
    return boot


def test_files_are_for_this_user_alone(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "home" / "spool.db")
    spool.begin(new_id(), "p-1")

    files = list((tmp_path / "home").iterdir())

    assert (tmp_path / "home").stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    spool.close()


def test_a_batch_out_of_order_is_refused_and_nothing_of_it_stays(spool: Spool) -> None:
    boot = begun(spool)

    with pytest.raises(Permanent, match="out of order"):
        spool.append([sealed(boot, 0), sealed(boot, 2)], 1000)

    assert spool.boots()[0].input_batches == 0
    spool.append([sealed(boot, 0)], 1000)


def test_the_total_outlives_the_rows_so_the_next_boot_can_state_it(
    spool: Spool, tmp_path: Path
) -> None:
    boot = begun(spool)
    spool.append([sealed(boot, 0), sealed(boot, 1), sealed(boot, 0, Stream.FRAME)], 1000)
    ship = Outgoing(tmp_path / "home" / "spool.db")
    ship.trim([row.id for row in ship.after(CONTENT_LANE, 0, 10)])
    ship.close()

    (ended,) = spool.unended()
    spool.end(boot, b"boot end", 2000)

    assert (ended.boot, ended.input_batches, ended.frame_batches) == (boot, 2, 1)
    assert ended.person == "p-1"
    assert not ended.is_clean
    assert spool.unended() == []


def test_frames_go_first_oldest_first_then_input_and_statements_never() -> None:
    contents = [
        Content(id=i, stream=Stream.FRAME if i % 2 else Stream.INPUT, created_ms=0, size=10_000)
        for i in range(6)
    ]

    over_by_two = list(victims(contents, Store(age_h=1, cap_bytes=45_000), 0))
    over_by_all = list(victims(contents, Store(age_h=1, cap_bytes=0), 0))
    by_age = list(victims(contents, Store(age_h=1, cap_bytes=1 << 40), 2 * HOUR_MS))

    assert over_by_two == [(1, "cap"), (3, "cap")]
    assert [number for number, _ in over_by_all] == [1, 3, 5, 0, 2, 4]
    assert by_age == [(i, "age") for i in range(6)]


def test_over_its_cap_the_spool_keeps_consent_and_turns_frames_into_tombstones(
    spool: Spool, tmp_path: Path
) -> None:
    boot = begun(spool)
    spool.say("consent", boot, b"receipt", 1000)
    spool.append([sealed(boot, 0), sealed(boot, 0, Stream.FRAME)], 1000)

    counts = spool.enforce(Store(age_h=72, cap_bytes=8_000), 1000)

    ship = Outgoing(tmp_path / "home" / "spool.db")
    statements = ship.after(FIRST_LANE, 0, 10)
    one, two = ship.after(CONTENT_LANE, 0, 10)
    ship.close()
    assert counts == {"cap": 1}
    assert [row.value for row in statements] == [b"receipt"]
    assert (one.is_content, two.is_content) == (True, False)
    left = codec.decode(two.value, Tombstone)
    envelope.verify_tombstone(left, DEVICE.signer.public_bytes())
    assert left.reason == "cap"


def test_an_opt_out_leaves_signed_tombstones_behind_whatever_is_in_flight(
    spool: Spool, tmp_path: Path
) -> None:
    boot = begun(spool)
    spool.append([sealed(boot, 0), sealed(boot, 1)], 1000)
    ship = Outgoing(tmp_path / "home" / "spool.db")
    in_flight = ship.after(CONTENT_LANE, 0, 1)

    spool.drop_opted_out(DEVICE.signer, 2000)
    ship.trim([row.id for row in in_flight])

    left = ship.after(CONTENT_LANE, in_flight[-1].id, 10)
    ship.close()
    assert len(left) == 2
    for row in left:
        tombstone = codec.decode(row.value, Tombstone)
        envelope.verify_tombstone(tombstone, DEVICE.signer.public_bytes())
        assert tombstone.reason == "opt_out"
    assert not any(row.is_content for row in left)


def test_an_opt_out_leaves_no_ciphertext_on_the_disk(spool: Spool, tmp_path: Path) -> None:
    boot = begun(spool)
    made = [sealed(boot, i) for i in range(6)]
    spool.append(made, 1000)
    spool.checkpoint()

    spool.drop_opted_out(DEVICE.signer, 2000)
    spool.checkpoint(is_emptied=True)

    left = b"".join(file.read_bytes() for file in (tmp_path / "home").glob("spool.db*"))
    for one in made:
        ciphertext = codec.decode(one.record, SealedBatch).ciphertext
        # Pages hold it in pieces: no piece of it is left.
        assert not any(ciphertext[i : i + 32] in left for i in range(0, len(ciphertext) - 32, 32))


def test_a_full_disk_is_one_line_and_takes_nothing_halfway(spool: Spool) -> None:
    boot = begun(spool)
    (pages,) = spool._db.execute("PRAGMA page_count").fetchone()
    spool._db.execute(f"PRAGMA max_page_count = {pages + 2}")

    with pytest.raises(Permanent, match="disk that holds the spool is full") as raised:
        spool.append([sealed(boot, i) for i in range(8)], 1000)

    assert raised.value.reason == "disk_full"
    assert spool.boots()[0].input_batches == 0


def test_a_file_that_is_no_database_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "spool.db"
    path.write_bytes(b"not a database at all, but long enough to look at" * 100)

    with pytest.raises(Permanent, match="move it away"):
        Spool(path)


APPENDER = """
import sys
from overt_producer.spool import Spool
from overt_schemas.ids import new_id
from pathlib import Path
from tests.producer.test_spool import sealed
spool = Spool(Path(sys.argv[1]))
boot = new_id()
spool.begin(boot, "p-1")
number = 0
while True:
    spool.append([sealed(boot, number), sealed(boot, number + 1)], 1000)
    number += 2
    print(number, flush=True)
"""


@pytest.mark.parametrize("after", [3, 20])
def test_every_batch_reported_before_a_kill_is_there(after: int, tmp_path: Path) -> None:
    path = tmp_path / "spool.db"
    child = subprocess.Popen(
        [sys.executable, "-c", APPENDER, str(path)], stdout=subprocess.PIPE, text=True,
        cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert child.stdout is not None
    with child.stdout:
        reported = [int(child.stdout.readline()) for _ in range(after)][-1]
        os.kill(child.pid, signal.SIGKILL)
        late = [int(line) for line in child.stdout if line.endswith("\n")]
    child.wait(10)

    spool = Spool(path)
    count = spool.boots()[0].input_batches
    ship = Outgoing(path)
    rows = ship.after(CONTENT_LANE, 0, 100_000)
    ship.close()
    spool.close()
    assert count >= max([reported, *late])
    assert len(rows) == count
    check = sqlite3.connect(path)
    assert check.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    check.close()


def test_the_account_is_json(spool: Spool) -> None:
    boot = begun(spool)
    spool.append([sealed(boot, 0)], 1000)

    account = json.loads(json.dumps(spool.account()))

    assert account["spooled"] == {"input": 1, "frame": 0}
    assert account["pending"] == {"input": 1, "frame": 0, "statements": 0}
    assert account["gaps_spooled"] == {"policy": 1}
