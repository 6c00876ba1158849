"""The floor of a sink: bytes that are there already, put by obstore, as many threads as writers."""

import json
import os
import secrets
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import obstore

from overt_sinks import settings
from overt_sinks.stores.store import open_store


def main() -> None:
    """Read sizes from stdin, put, and print the seconds."""
    config, writers = settings.load(Path(sys.argv[1])), int(sys.argv[2])
    sizes = json.load(sys.stdin)
    bucket = open_store(config.store.url, config.store.hot, settings.store_keys(config.store))
    noise, folder = os.urandom(max(sizes)), f"probe/raw-{secrets.token_hex(8)}"

    def put(number: int) -> None:
        obstore.put(
            bucket.backend, f"{folder}/{number:06d}", noise[: sizes[number]], mode="create",
            use_multipart=False,
        )  # fmt: skip

    with ThreadPoolExecutor(writers) as pool:
        list(pool.map(lambda _n: None, range(writers)))
        began = time.monotonic()
        list(pool.map(put, range(len(sizes))))
        seconds = time.monotonic() - began
    sys.stdout.write(json.dumps({"seconds": seconds}) + "\n")


if __name__ == "__main__":
    main()
