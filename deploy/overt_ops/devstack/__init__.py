"""The embedded stack: real Kafka, an object store, a key server and the product's own processes.

From a program (the demonstration, the benches, the tests of the whole way)::

    from overt_ops.devstack import DEMO, Stack, default_state

    running = Stack.up(default_state(), tuning=DEMO)   # starts, or returns the one that runs
    running.status()                                   # a row per process: pid, state, port, PSS
    running.settings("alice")                          # settings.toml of a service or person
    running.bootstrap, running.endpoint_bootstrap      # Kafka for SCRAM users, for devices
    running.authority_url, running.store_url
    running.layout.principal("alice")                  # folder with all that alice owns
    running.add_subscriber("bob")                      # settings.toml; no right until a grant
    running.admin()                                    # librdkafka as super user, for tests
    running.start(["authority"])                       # more services beside what runs
    running.restart("sink")
    running.kill("kafka-2")                            # -9, and not back before ...
    running.start(["kafka-2"])
    running.down()

``Stack.up(..., services=())`` starts the three servers only. ``layout.py`` names every path,
``handouts.py`` every key of the settings files.
"""

from overt_ops.devstack.layout import Layout, cache_dir, default_state
from overt_ops.devstack.progress import Progress, Silent
from overt_ops.devstack.running import Process, Running
from overt_ops.devstack.stack import Stack
from overt_ops.devstack.tuning import DEMO, Tuning

__all__ = [
    "DEMO",
    "Layout",
    "Process",
    "Progress",
    "Running",
    "Silent",
    "Stack",
    "Tuning",
    "cache_dir",
    "default_state",
]
