"""A stack that is up: its paths, its doors, its processes, and how it ends.

Heavy imports (certificates, Kafka's client) happen inside the methods that need them: ``status``
must answer within a second and the supervisor, which shares this package, stays small.
"""

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from overt_ops.devstack import control
from overt_ops.devstack.cluster import MTLS, SCRAM, bootstrap, known_nodes
from overt_ops.devstack.layout import Layout
from overt_ops.devstack.tuning import Tuning
from overt_schemas.errors import Permanent, Transient

if TYPE_CHECKING:
    from overt_ops.devstack.progress import Progress
    from overt_ops.topology import Plan
    from overt_schemas.client import Config

# The slowest first start seen, on two cores shared by ten stacks, took 35 s.
_PATIENCE_S = 120.0
_STOP_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One row of ``status``. ``pss_mb`` counts shared memory once over all its sharers."""

    name: str
    pid: int
    state: str
    port: int
    restarts: int
    uptime_s: float
    pss_mb: float
    reason: str
    log: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A stack that is up (or was, a moment ago): its paths, its doors, its processes."""

    layout: Layout
    ports: dict[str, int]

    @property
    def bootstrap(self) -> str:
        """Kafka's door for services and subscribers."""
        return bootstrap(self.ports, SCRAM)

    @property
    def endpoint_bootstrap(self) -> str:
        """Kafka's door for endpoints."""
        return bootstrap(self.ports, MTLS)

    @property
    def brokers(self) -> tuple[str, ...]:
        """The names of Kafka's brokers: ``kafka``, or ``kafka-1`` to ``kafka-3``."""
        return tuple(node.name for node in known_nodes(self.ports))

    @property
    def servers(self) -> tuple[str, ...]:
        """The names of all that the product stands on."""
        return (*self.brokers, "seaweed", "bao")

    @property
    def authority_url(self) -> str:
        """The authority's door."""
        return f"https://127.0.0.1:{self.ports['authority']}"

    @property
    def store_url(self) -> str:
        """The object store's door."""
        return f"http://127.0.0.1:{self.ports['s3']}"

    def settings(self, name: str) -> Path:
        """Return the settings file of a service, subscriber or operator."""
        service = self.layout.settings(name)
        return service if service.exists() else self.layout.principal(name) / "settings.toml"

    def admin(self) -> "Config":
        """Return librdkafka's configuration as the broker's own principal (the super user)."""
        from overt_ops.topology import connection

        return connection.load(self.connection).kafka

    @property
    def connection(self) -> Path:
        """The file with the doors of whoever applies the topology."""
        return self.layout.principal("reconcile") / "connection.toml"

    def status(self) -> tuple[Process, ...]:
        """Return all processes, the supervisor first.

        Raises:
            Permanent: nothing runs here.
            Transient: the supervisor does not answer.
        """
        from overt_ops.devstack.memory import pss_mb

        answer = control.ask(self.layout, {"do": "status"})
        found = control.supervisor(self.layout)
        pid = int(found["pid"]) if found else 0
        head = Process(
            name="supervisor",
            pid=pid,
            state="ready",
            port=0,
            restarts=0,
            uptime_s=round(time.time() - control.born(pid), 1),
            pss_mb=pss_mb(pid, children=False),
            reason="",
            log=str(self.layout.log("supervisor")),
        )
        rows = [Process(**row, pss_mb=pss_mb(row["pid"])) for row in answer["processes"]]
        return (head, *rows)

    def missing(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return those of ``names`` that are not up, nor on their way."""
        rows = control.ask(self.layout, {"do": "status"})["processes"]
        up = {row["name"] for row in rows if row["state"] not in ("waiting", "stopped", "failed")}
        return tuple(name for name in names if name not in up)

    def start(self, names: Sequence[str] | None = None) -> None:
        """Start the product's services (all, or these) beside what runs; wait until ready.

        A server that was killed is started again by its name as well.
        """
        from overt_ops.devstack import products

        wanted = set(products.ALL if names is None else names)
        servers = wanted & set(self.servers)
        products.add_to_table(self.layout, self.ports, sorted(wanted - servers))
        # Servers first, then the authority: everybody else asks it for keys at once.
        early = servers | (wanted & {"authority"})
        for batch in (servers, early - servers, wanted - early):
            listed = sorted(batch)
            control.ask(self.layout, {"do": "start", "names": listed})
            self.wait_ready(listed)

    def restart(self, name: str) -> None:
        """Stop a process and start it again, and wait until it is ready."""
        control.ask(self.layout, {"do": "restart", "names": [name]})
        self.wait_ready([name])

    def kill(self, name: str) -> None:
        """Kill a process without a word (SIGKILL); it stays away until it is started again.

        Returns once it is gone.
        """
        control.ask(self.layout, {"do": "kill", "names": [name]})
        deadline = time.monotonic() + _STOP_S
        while self.missing([name]) != (name,):
            if time.monotonic() > deadline:
                raise Transient(f"{name} does not die", reason="still_stopping")
            time.sleep(0.02)

    def wait_ready(self, names: Sequence[str], patience_s: float = _PATIENCE_S) -> None:
        """Wait until all ``names`` are ready.

        Raises:
            Permanent: one of them has failed for good.
            Transient: it takes too long.
        """
        deadline = time.monotonic() + patience_s
        while True:
            rows = {r["name"]: r for r in control.ask(self.layout, {"do": "status"})["processes"]}
            late = [name for name in names if rows[name]["state"] != "ready"]
            if not late:
                return
            for name in late:
                if rows[name]["state"] == "failed":
                    raise Permanent(
                        f"{name} failed ({rows[name]['reason']}): read {rows[name]['log']}",
                        reason="service_failed",
                    )
            if time.monotonic() > deadline:
                raise Transient(
                    f"{', '.join(late)} not ready after {patience_s:.0f} s: "
                    f"read {rows[late[0]]['log']}",
                    reason="not_ready",
                )
            time.sleep(0.05)

    def wait_brokers(self) -> None:
        """Wait until the brokers know each other: one serves before the others have heard of it.

        Raises:
            Transient: it takes too long.
        """
        from confluent_kafka import KafkaException
        from confluent_kafka.admin import AdminClient

        admin = AdminClient(self.admin())
        deadline = time.monotonic() + _PATIENCE_S
        known = 0
        while known < len(self.brokers):
            with contextlib.suppress(KafkaException):
                known = len(admin.list_topics(timeout=5).brokers)
            if time.monotonic() > deadline:
                raise Transient(
                    f"only {known} of {len(self.brokers)} brokers have met: "
                    f"read {self.layout.log(self.brokers[0])}",
                    reason="not_ready",
                )

    def apply(self, topology: Path | None = None, init: frozenset[str] = frozenset()) -> "Plan":
        """Apply the declared topology, with this stack's subscribers, to the live systems."""
        from overt_ops.devstack import seaweed
        from overt_ops.devstack.prepare import known_subscribers
        from overt_ops.topology import connection, files
        from overt_ops.topology.apply import apply
        from overt_ops.topology.buckets import Bucketry

        def set_store_rights(rights: Bucketry) -> None:
            if seaweed.write_rights(self.layout, rights):
                self.restart("seaweed")

        declared = files.load(topology).with_subscribers(known_subscribers(self.layout))
        done = apply(
            declared,
            connection.load(self.connection),
            set_store_rights=set_store_rights,
            initialise=init,
        )
        self.layout.applied.touch(mode=0o600)
        return done

    def is_complete(self, names: Sequence[str]) -> bool:
        """Whether the topology was applied since the start, and the servers and ``names`` serve."""
        rows = control.ask(self.layout, {"do": "status"})["processes"]
        ready = {row["name"] for row in rows if row["state"] == "ready"}
        return self.layout.applied.exists() and ready >= {*self.servers, *names}

    def complete(self, names: Sequence[str], report: "Progress", topology: Path | None) -> None:
        """Do what a start that died left undone: servers, topology, ``names``, in that order."""
        if down := self.missing(self.servers):
            report.stage(f"starting {', '.join(down)}")
            control.ask(self.layout, {"do": "start", "names": list(down)})
        self.wait_ready(self.servers)
        self.wait_brokers()
        if not self.layout.applied.exists():
            report.stage("applying topology")
            self.apply(topology)
        if missing := self.missing(names):
            report.stage(f"starting {', '.join(missing)}")
            self.start(missing)
        self.wait_ready(names)

    def add_subscriber(self, name: str) -> Path:
        """Make a subscriber (certificate, password, no right) and return its settings file."""
        from overt_ops.devstack.handouts import Handouts
        from overt_ops.devstack.prepare import remember_subscribers
        from overt_ops.topology import files

        remember_subscribers(self.layout, [name], files.load())
        handouts = Handouts(layout=self.layout, ports=self.ports, tuning=Tuning())
        path = handouts.write_subscriber(name)
        self.apply()
        return path

    def down(self) -> None:
        """Stop everything, in order, and wait until no process is left."""
        stop(self.layout)


def stop(layout: Layout) -> bool:
    """Stop a stack, in order; whether there was anything to stop.

    Raises:
        Transient: something would not end.
    """
    info = control.supervisor(layout)
    if info is None:
        return control.stop_orphans(layout) > 0
    control.ask(layout, {"do": "shutdown"})
    deadline = time.monotonic() + _STOP_S
    while control.is_same(info["pid"], info["birth"]):
        if time.monotonic() > deadline:
            raise Transient(
                f"the stack is still stopping after {_STOP_S:.0f} s: "
                f"read {layout.log('supervisor')}",
                reason="still_stopping",
            )
        time.sleep(0.05)
    control.stop_orphans(layout)
    return True
