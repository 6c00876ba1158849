"""What no sink falls below: a consumer that puts what it got, with no look at it.

Reads partitions from the given offsets to their ends and puts bytes in pieces as large as a sink's
objects: no headers are read, nothing is hashed by us, nothing is indexed or committed.
"""

import json
import queue
import secrets
import sys
import threading
import time
from pathlib import Path

import obstore
from confluent_kafka import TopicPartition

from overt_sinks import brokers, settings
from overt_sinks.stores.store import open_store


def main() -> None:
    """Take ``{partition: [from, to]}`` from stdin, work, and print seconds and bytes."""
    config = settings.load(Path(sys.argv[1]))
    spans = {int(n): span for n, span in json.load(sys.stdin).items()}
    bucket = open_store(config.store.url, config.store.hot, settings.store_keys(config.store))
    folder, full = f"probe/bare-{secrets.token_hex(8)}", config.sink.object_bytes
    jobs: queue.Queue[bytes | None] = queue.Queue(config.sink.writers)

    def put() -> None:
        while (data := jobs.get()) is not None:
            name = f"{folder}/{secrets.token_hex(8)}"
            obstore.put(bucket.backend, name, data, mode="create", use_multipart=False)

    consumer = brokers.open_consumer(config.kafka, config.sink.group, "bench-bare")
    threads = [threading.Thread(target=put) for _ in range(config.sink.writers)]
    for thread in threads:
        thread.start()
    began = time.monotonic()
    consumer.assign([TopicPartition(config.sink.topic, n, at) for n, (at, _) in spans.items()])
    held: dict[int, list[bytes]] = {number: [] for number in spans}
    size = dict.fromkeys(spans, 0)
    left, done = sum(end - at for at, end in spans.values()), 0
    while left:
        for message in consumer.consume(500, 0.02):
            number, value = message.partition(), message.value()
            held[number].append(value)
            size[number] += len(value)
            done, left = done + len(value), left - 1
            if size[number] >= full:
                jobs.put(b"".join(held[number]))
                held[number], size[number] = [], 0
    for rest in held.values():
        jobs.put(b"".join(rest) or b"-")
    for _ in threads:
        jobs.put(None)
    for thread in threads:
        thread.join()
    seconds = time.monotonic() - began
    consumer.close()
    sys.stdout.write(json.dumps({"seconds": seconds, "bytes": done}) + "\n")


if __name__ == "__main__":
    main()
