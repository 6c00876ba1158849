"""What is read back of overt.session.v1."""

import threading

from overt_processors.session_log import read_sessions
from overt_schemas import client

NOBODY: client.Config = {"bootstrap.servers": "127.0.0.1:1"}


def test_a_worker_without_partitions_is_ready_at_once() -> None:
    # More workers than partitions: the brokers' client refuses to be asked for nothing.
    stop = threading.Event()
    late = threading.Timer(2.0, stop.set)
    late.start()

    found = read_sessions(NOBODY, [], 1, stop)

    late.cancel()
    assert found == {}
