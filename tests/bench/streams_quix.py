"""quixstreams passing records on; runs in an environment of its own, as its pins are not ours.

Arguments: name, file of librdkafka's configuration, bytes to send. Ends with its standard input.
"""

import json
import os
import sys
import threading
from pathlib import Path

from quixstreams import Application  # type: ignore[import-not-found]


def _end_with_parent() -> None:
    while os.read(0, 64):
        pass
    os._exit(0)


def main() -> None:
    """Run until killed."""
    name, connection, size = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    config = json.loads(connection.read_text())
    address = config.pop("bootstrap.servers")
    security = {k: v for k, v in config.items() if k != "client.id"}
    body = os.urandom(size)
    app = Application(
        broker_address=address, consumer_group=name, auto_offset_reset="earliest",
        commit_interval=1.0, auto_create_topics=False, processing_guarantee="at-least-once",
        loglevel="WARNING", state_dir=str(connection.parent / name), use_changelog_topics=False,
        consumer_extra_config=security,
        producer_extra_config={**security, "linger.ms": 5, "acks": "all"},
    )  # fmt: skip
    source = app.topic(f"{name}.in", key_deserializer="bytes", value_deserializer="bytes")
    out = app.topic("bench.out", key_serializer="bytes", value_serializer="bytes")
    frame = app.dataframe(source)
    frame.apply(lambda _: body).to_topic(out)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    app.run()


if __name__ == "__main__":
    main()
