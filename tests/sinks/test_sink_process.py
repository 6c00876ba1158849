"""`overt-sink` as a process, on real Kafka and SeaweedFS, killed again and again."""

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from overt_ops.devstack import DEMO, Running, Stack
from overt_ops.devstack.handouts import Handouts
from overt_ops.devstack.tuning import Tuning
from overt_schemas import client, codec, topics
from overt_schemas.records import DeadLetter
from overt_sinks import container, settings
from overt_sinks.index import Index
from overt_sinks.naming import parse_object, topic_folder
from overt_sinks.stores.store import Store, open_store
from tests.sinks.made import Segments

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]
PROGRAM = str(Path(sys.executable).with_name("overt-sink"))
Sent = dict[tuple[int, int], bytes]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Servers of its own: these tests count whole topics, and kill who works on them."""
    state = tmp_path_factory.mktemp("sinks") / "state"
    up = Stack.up(state, services=(), tuning=DEMO)
    try:
        yield up
    finally:
        up.down()


@pytest.fixture(scope="module")
def config(stack: Running) -> Path:
    Handouts(layout=stack.layout, ports=stack.ports, tuning=Tuning()).write_sink()
    return stack.settings("sink")


@contextmanager
def sink(config: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A sink process; killed at the end if it still runs."""
    log = config.parent / "sink.log"
    with log.open("ab") as stderr:
        process = subprocess.Popen([PROGRAM, "run", "--config", str(config)], stderr=stderr)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _wait(holds: Callable[[], bool], what: str, patience_s: float = 60) -> None:
    end = time.monotonic() + patience_s
    while not holds():
        assert time.monotonic() < end, f"{what} never came"
        time.sleep(0.05)


def _connection(stack: Running, user: str) -> client.Config:
    password = (stack.layout.principal(user) / "kafka.password").read_text().strip()
    ca = str(stack.layout.service_ca)
    return client.scram(stack.bootstrap, ca, user, password, f"test-{user}")


def _produce(stack: Running, count: int, sent: Sent, pause_s: float = 0.0) -> None:
    """Write parts and marks of eight devices over all partitions, as refine does."""
    producer = Producer(client.producer(_connection(stack, "refine")))
    devices = [Segments(device=bytes([n]) * 16, person=f"p-{n:016x}") for n in range(8)]

    def keep(error: object, message: object) -> None:
        assert error is None
        where = (message.partition(), message.offset())  # type: ignore[attr-defined]
        sent[where] = message.value()  # type: ignore[attr-defined]

    for n in range(count):
        device = devices[n % 8]
        if n % 97 == 0:
            device.next_segment()
        value = device.tombstone() if n % 31 == 0 else device.part(size=200 + n % 1500)
        producer.produce(topics.PART, value, key=device.device, partition=n % 4, on_delivery=keep)
        producer.poll(pause_s)
    assert producer.flush(60) == 0


def _account(config: Path) -> dict[str, object]:
    """Return what `overt-sink verify` says to the verifier, which must be clean."""
    done = subprocess.run(
        [PROGRAM, "verify", "--config", str(config), "-o", "json"],
        capture_output=True, check=False, timeout=120,
    )  # fmt: skip
    report: dict[str, object] = json.loads(done.stdout)
    assert (done.returncode, report["findings"]) == (0, [])
    return report


def _bucket(config: Path) -> Store:
    store = settings.load(config).store
    return open_store(store.url, store.hot, settings.store_keys(store))


def _stored_by_listing(config: Path) -> list[tuple[tuple[int, int], bytes]]:
    """Return where and what of every record in every object of the bucket."""
    bucket, found = _bucket(config), []
    for item in bucket.list(topic_folder(topics.PART)):
        where, _ = parse_object(item.name)
        _, parts = container.read(bucket.read(item.name))
        found += [((where.number, p.offset), container.frame(p)) for p in parts]
    return found


def _stored_by_index(config: Path) -> list[tuple[tuple[int, int], bytes]]:
    """Return the same by the byte ranges of the index, as the authority cuts them."""
    index, bucket, found = Index(settings.load(config).index.url), _bucket(config), []
    for row in index.links():
        runs = index.runs(row.object)
        pieces = bucket.read_ranges(
            row.object, [r["byte_from"] for r in runs], [r["byte_len"] for r in runs]
        )
        for piece in pieces:
            parts = container.read_run(piece)
            found += [((p.partition, p.offset), container.frame(p)) for p in parts]
    index.close()
    return found


def _is_caught_up(config: Path, stack: Running, sent: Sent) -> Callable[[], bool]:
    ends: dict[int, int] = {}
    for number, offset in sent:
        ends[number] = max(ends.get(number, 0), offset + 1)
    consumer = Consumer(client.consumer(_connection(stack, "sink"), "sink"))
    wanted = [TopicPartition(topics.PART, number) for number in ends]

    def caught_up() -> bool:
        answers = consumer.committed(wanted, timeout=10)
        is_done = all(a.offset >= ends[a.partition] for a in answers)
        if is_done:
            consumer.close()
        return is_done

    return caught_up


def test_a_sink_killed_at_random_while_it_works_loses_and_repeats_nothing(
    stack: Running, config: Path
) -> None:
    sent: Sent = {}
    writing = Thread(target=_produce, args=(stack, 4000, sent, 0.002))
    writing.start()
    chance, kills = random.Random(11), 0  # noqa: S311 - where, not whether
    while writing.is_alive() or kills < 6:
        with sink(config) as process:
            ready = settings.load(config).state_dir / "ready"
            _wait(ready.exists, "readiness")
            time.sleep(chance.random() * 1.2)  # where the kill strikes is the point
            process.kill()
            kills += 1
    writing.join()
    with sink(config) as process:
        _wait(_is_caught_up(config, stack, sent), "the last offset")
        begin = time.monotonic()
        process.send_signal(signal.SIGTERM)
        code = process.wait(10)

    assert (code, time.monotonic() - begin < 5) == (0, True)
    assert len(sent) == 4000
    assert sorted(_stored_by_listing(config)) == sorted(sent.items())
    assert sorted(_stored_by_index(config)) == sorted(sent.items())
    assert _account(stack.settings("verifier"))["records"] == 4000


def test_a_record_that_does_not_parse_reaches_the_dead_letters_as_it_came(
    stack: Running, config: Path
) -> None:
    producer = Producer(client.producer(_connection(stack, "refine")))
    sent: Sent = {}

    def keep(error: object, message: object) -> None:
        assert error is None
        sent[message.partition(), message.offset()] = message.value()  # type: ignore[attr-defined]

    producer.produce(topics.PART, b"\x00noise", partition=1, on_delivery=keep)
    assert producer.flush(30) == 0
    with sink(config) as process:
        _wait(_is_caught_up(config, stack, sent), "the offset behind the noise")
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0

    letters = _dead_letters(stack)

    ((number, offset),) = sent
    assert [(x.topic, x.partition, x.offset, x.value, x.reason) for x in letters] == [
        (topics.PART, number, offset, b"\x00noise", "unknown_schema")
    ]
    assert _account(stack.settings("verifier"))["set_aside"] == 1


def test_two_sinks_share_the_partitions_and_one_takes_over_from_the_other(
    stack: Running, config: Path
) -> None:
    other = config.parent / "other.toml"
    own = settings.load(config).state_dir
    other.write_text(config.read_text().replace(str(own), f"{own}-other"))
    other.chmod(0o600)
    first, second = own / "ready", Path(f"{own}-other") / "ready"
    before = set(_stored_by_listing(config))
    sent: Sent = {}

    with sink(config) as one:
        _wait(first.exists, "the first sink")
        with sink(other) as two:
            _produce(stack, 400, sent, 0.002)
            _wait(second.exists, "the second sink")
            two.send_signal(signal.SIGTERM)
            assert two.wait(10) == 0
        _wait(_is_caught_up(config, stack, sent), "the last offset")
        one.send_signal(signal.SIGTERM)
        assert one.wait(10) == 0

    assert sorted(set(_stored_by_listing(config)) - before) == sorted(sent.items())
    _account(stack.settings("verifier"))


def test_a_second_sink_on_the_same_state_is_refused(config: Path) -> None:
    with sink(config):
        _wait((settings.load(config).state_dir / "ready").exists, "readiness")

        done = subprocess.run(
            [PROGRAM, "run", "--config", str(config)], capture_output=True, check=False, timeout=30
        )

    assert done.returncode == 2
    assert done.stderr.decode().splitlines()[-1] == (
        "overt-sink: another sink runs on this state_dir: stop it, or give each its own"
    )


@pytest.mark.parametrize(
    ("change", "code", "says"),
    [
        (("sink/s3.secret", "authority/s3.secret"), 4, "the store refuses this identity"),
        (('hot = "hot"', 'hot = "warm"'), 4, "the store refuses this identity"),
        (("sink/kafka.password", "authority/kafka.password"), 4, "Kafka refuses the sink"),
        (("[index]", "[sink]\ngroup = 'other'\n[index]"), 4, "Kafka refuses the sink"),
        (("filer_probe_url", "surprise"), 2, "store.surprise"),
    ],
    ids=["wrong store key", "wrong bucket", "wrong password", "wrong group", "unknown key"],
)
def test_what_is_wrong_is_said_in_one_line_with_the_right_code(
    config: Path, tmp_path: Path, change: tuple[str, str], code: int, says: str
) -> None:
    broken = tmp_path / "broken.toml"
    text = config.read_text().replace(*change)
    broken.write_text(text.replace(str(settings.load(config).state_dir), str(tmp_path / "state")))
    broken.chmod(0o600)

    done = subprocess.run(
        [PROGRAM, "run", "--config", str(broken)], capture_output=True, check=False, timeout=60
    )

    last = done.stderr.decode().splitlines()[-1]
    assert done.returncode == code
    assert last.startswith("overt-sink: ")
    assert says in last
    assert not (tmp_path / "state" / "ready").exists()


def _dead_letters(stack: Running) -> list[DeadLetter]:
    """Return every letter, read as the broker's own principal."""
    config = client.registry_reader(stack.admin(), "letters")
    consumer, found, open_ends = Consumer(config), [], 4
    consumer.assign([TopicPartition(topics.DEADLETTER, n, 0) for n in range(4)])
    end = time.monotonic() + 30
    while open_ends and time.monotonic() < end:
        message = consumer.poll(0.5)
        if message is None:
            continue
        if message.error() is not None:
            open_ends -= 1
            continue
        found.append(codec.decode(message.value(), DeadLetter))
    consumer.close()
    assert open_ends == 0
    return found
