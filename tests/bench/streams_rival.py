"""What refine is measured against, each a process of its own; started by `tests.bench.streams`.

``bare``: Faust with the worker's tuning, which sends as many bytes as a part has, and no more.
``consume``: the same, sending nothing but marks. ``loop``: confluent-kafka's consume and produce
around the same step, with real registries and keys; ``raw``: that loop without the step. All speak
TLS, commit once a second, and end with their standard input.
"""

import argparse
import asyncio
import json
import os
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import faust
import uvloop
from confluent_kafka import Consumer, Producer, TopicPartition

from overt_processors import collecting, telemetry
from overt_processors.agents.refine import Produced, _report
from overt_processors.core import refine
from overt_processors.core.outcome import Now, Raw
from overt_processors.keys import obtain
from overt_processors.registries import RegistryReader
from overt_processors.settings import load
from overt_schemas import client
from overt_schemas.clock import SystemClock
from overt_schemas.topics import INPUT

OUT = "bench.out"
MARK = b"end"  # what consume-only writes, so that one sees when it is done
PARTITIONS = 4
Step = Callable[[Raw], Iterable[Produced]]


def app_of(name: str, config: dict[str, Any], state: Path) -> "faust.App":
    """Return a Faust app tuned as the worker's is (overt_processors.app)."""
    context = ssl.create_default_context(cafile=config["ssl.ca.location"])
    context.load_cert_chain(config["ssl.certificate.location"], config["ssl.key.location"])
    return faust.App(
        name,
        broker=[f"kafka://{host.strip()}" for host in config["bootstrap.servers"].split(",")],
        broker_credentials=faust.SSLCredentials(context=context),
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=4_194_304,
        broker_commit_interval=1.0,
        processing_guarantee="at_least_once",
        producer_linger=0.005,
        producer_max_batch_size=262_144,
        producer_max_request_size=2_097_152,
        stream_wait_empty=False,
        stream_buffer_maxsize=1024,
        store="memory://",
        table_standby_replicas=0,
        datadir=str(state / name),
        topic_disable_leader=True,
        topic_allow_declare=False,
        web_enabled=False,
        key_serializer="raw",
        value_serializer="raw",
        autodiscover=False,
    )


def run_faust(name: str, config: dict[str, Any], state: Path, size: int) -> None:
    """Pass records on (``size`` > 0) or only take them."""
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    app = app_of(name, config, state)
    kind: dict[str, Any] = {
        "key_type": bytes, "value_type": bytes, "key_serializer": "raw", "value_serializer": "raw",
        "partitions": PARTITIONS,
    }  # fmt: skip
    source, out = app.topic(f"{name}.in", **kind), app.topic(OUT, **kind)
    body = os.urandom(size)

    @app.agent(source, concurrency=1)
    async def agent(records: Any) -> None:
        async for event in records.events():
            if size or event.value == MARK:
                value = body if size else MARK
                await out.send(key=event.key, value=value, partition=event.message.partition)

    async def serve() -> None:
        telemetry.quiet_libraries()
        await app.start()
        telemetry.quiet_libraries()
        collecting.settle()
        await app.wait_until_stopped()

    loop.run_until_complete(serve())


def run_loop(name: str, config: dict[str, Any], step: Step) -> None:
    """Consume, do ``step``, produce, commit."""
    consumer = Consumer({**client.consumer(config, name), "auto.offset.reset": "earliest"})
    producer = Producer({**client.producer(config), "queue.buffering.max.messages": 1_000_000})
    consumer.subscribe([f"{name}.in"])
    committed_s, done = time.monotonic(), dict[int, int]()
    while True:
        for message in consumer.consume(500, 0.1):
            if message.error():
                continue
            raw = Raw(
                topic=INPUT, partition=message.partition(), offset=message.offset(),
                key=message.key(), value=message.value(),
            )  # fmt: skip
            for _, key, value, partition in step(raw):
                producer.produce(OUT, value, key, partition)
            done[raw.partition] = raw.offset + 1
        producer.poll(0)
        if done and time.monotonic() - committed_s > 1.0:
            assert producer.flush(30) == 0
            offsets = [TopicPartition(f"{name}.in", p, offset) for p, offset in done.items()]
            consumer.commit(offsets=offsets, asynchronous=False)
            done.clear()
            committed_s = time.monotonic()


def refining(name: str, settings: Path) -> Step:
    """Return the whole step of refine, with registries and keys read as the worker reads them."""
    given, clock = load(settings), SystemClock()
    reader = RegistryReader(given.kafka.connection(name), given.authority.root(), name)
    reader.__enter__()  # it ends with the process
    reader.wait_ready()
    keys = obtain(
        given.authority, lambda: reader.current.keyring, lambda: clock.wall_us() // 1000,
        time.sleep,
    )  # fmt: skip
    memory = refine.Memory()

    def step(raw: Raw) -> Iterable[Produced]:
        now = Now(wall_ms=clock.wall_us() // 1000, boot_ns=clock.boot_ns())
        outcome = refine.step(memory, reader.current, keys, raw, now, settled=True)
        return _report(outcome, raw)

    return step


def passing(size: int) -> Step:
    """Return a step that sends so many bytes for each record."""
    body = os.urandom(size)
    return lambda raw: ((OUT, raw.key or b"", body, raw.partition),)


def _end_with_parent() -> None:
    while os.read(0, 64):
        pass
    os._exit(0)


def main() -> None:
    """Run one rival until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=["bare", "consume", "loop", "raw"])
    parser.add_argument("name")
    parser.add_argument("connection", type=Path)
    parser.add_argument("settings", type=Path)
    parser.add_argument("size", type=int)
    given = parser.parse_args()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    telemetry.configure(given.name)
    config = json.loads(given.connection.read_text())
    if given.kind == "loop":
        run_loop(given.name, config, refining(given.name, given.settings))
    if given.kind == "raw":
        run_loop(given.name, config, passing(given.size))
    size = given.size if given.kind == "bare" else 0
    run_faust(given.name, config, given.connection.parent, size)


if __name__ == "__main__":
    main()
    sys.exit(0)
