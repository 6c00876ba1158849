"""The stack's brokers in containers: same settings, certificates, ports and names as embedded ones.

One container that only sleeps owns the network and publishes the ports on this machine's loopback;
every broker is a container that shares it. So brokers find each other where clients find them, and
any of them can be killed without taking a port from the others. A broker's data lie in a volume, so
they outlive its container.

Each broker is watched by a ``keeper``: to the supervisor that is its process, which it starts,
signals and kills like any other.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer

from overt_ops.devstack import kafka
from overt_ops.devstack.cluster import (
    INTERNAL,
    Cluster,
    Node,
    Places,
    places,
    port_names,
    properties,
)
from overt_ops.devstack.layout import Layout
from overt_ops.devstack.preflight import LOOPBACK
from overt_ops.devstack.progress import Progress
from overt_ops.devstack.service import Probe, Service
from overt_ops.private import private_dir, write_private
from tests.stack.brokers import engine
from tests.stack.brokers.spec import OWNER, Spec

_ROOT = Path(__file__).parents[3]
_INSIDE = Places(
    data=Path("/var/lib/overt/data"),
    keystore=Path("/overt/keystore.pem"),
    service_ca=Path("/overt/service.crt"),
    device_ca=Path("/overt/device.crt"),
)
_CONFIG = "/overt/server.properties"
_CLASSES = "'/opt/kafka/libs/*'"
# Whatever a killed test run leaves behind ends by itself.
_LIFE_S = 4 * 3600


class Contained:
    """Brokers from an image that holds ``java`` on its path and Kafka in ``/opt/kafka/libs``."""

    def __init__(self, *, image: str) -> None:
        self._image = image
        # Everything here carries its owner's label and is removed by it; a container of
        # testcontainers' own beside each keeper would only be one more image to fetch.
        testcontainers_config.ryuk_disabled = True

    def obtain(self, progress: Progress) -> None:
        """Say where the brokers come from; ``choice.py`` has seen to it that they are there."""
        progress.stage(f"taking Kafka from {self._image}")

    def prepare(
        self, layout: Layout, cluster: Cluster, ports: Mapping[str, int]
    ) -> tuple[Service, ...]:
        """Write each broker's settings and open their common network."""
        with engine.engine() as client:
            # What a killed run of the same stack left would hold the ports.
            engine.remove(client, {OWNER: cluster.id})
            for node in cluster.nodes:
                client.volumes.create(_volume(cluster, node), labels={OWNER: cluster.id})
        network = self._network(cluster, ports)
        return tuple(self._service(layout, cluster, node, ports, network) for node in cluster.nodes)

    def _network(self, cluster: Cluster, ports: Mapping[str, int]) -> str:
        holder = DockerContainer(self._image)
        holder.with_command(["-c", f"exec sleep {_LIFE_S}"])
        holder.with_kwargs(entrypoint=["sh"], labels={OWNER: cluster.id}, auto_remove=True)
        # with_bind_ports() knows no address and would open them to the whole network.
        holder.ports = {
            str(ports[name]): (LOOPBACK, ports[name]) for name in port_names(cluster.brokers)
        }
        try:
            return str(holder.start().get_container_id())
        finally:
            holder.get_docker_client().client.close()

    def _service(
        self,
        layout: Layout,
        cluster: Cluster,
        node: Node,
        ports: Mapping[str, int],
        network: str,
    ) -> Service:
        folder = private_dir(node.folder(layout))
        text = properties(_INSIDE, node, ports, bind="0.0.0.0")  # noqa: S104 (of a container)
        config = write_private(folder / "server.properties", text)
        outside = places(layout, node)
        spec = Spec(
            name=node.name,
            owner=cluster.id,
            image=self._image,
            network=network,
            volume=_volume(cluster, node),
            mount=str(_INSIDE.data.parent),
            script=_script(cluster),
            files={
                str(config): _CONFIG,
                str(outside.keystore): str(_INSIDE.keystore),
                str(outside.service_ca): str(_INSIDE.service_ca),
                str(outside.device_ca): str(_INSIDE.device_ca),
            },
            port=ports[node.port(INTERNAL)],
            ca=str(layout.service_ca),
            ready=str(folder / "ready"),
            stop_s=int(kafka.stop_s(cluster)),
        )
        described = spec.write(folder / "container.json")
        return Service(
            name=node.name,
            argv=(sys.executable, "-m", "tests.stack.brokers.keeper", str(described)),
            cwd=str(_ROOT),
            log=str(layout.log(node.name)),
            stage=0,
            probe=Probe(port=spec.port, ready_file=spec.ready),
            env={"DOCKER_HOST": engine.door()} | _settings(),
            stop_s=spec.stop_s + 10,
        )


def _volume(cluster: Cluster, node: Node) -> str:
    return f"overt-{cluster.id}-{node.name}"


def _settings() -> dict[str, str]:
    # Not DOCKER_AUTH_CONFIG: it is a secret, and nothing is pulled any more.
    names = ("DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY", "DOCKER_CONFIG", "DOCKER_API_VERSION")
    known = [name for name in os.environ if name.startswith("TESTCONTAINERS_") or name in names]
    return {name: os.environ[name] for name in known}


def _script(cluster: Cluster) -> str:
    flags = " ".join(kafka.FLAGS)
    formatting = " ".join(kafka.format_arguments(cluster, _CONFIG))
    return (
        f"set -e; test -f {_INSIDE.data}/meta.properties || "
        f"java {kafka.HEAP} -cp {_CLASSES} {formatting}; "
        f"exec java {flags} -cp {_CLASSES} kafka.Kafka {_CONFIG}"
    )


def clean(layout: Layout) -> None:
    """Remove every container and volume of a stack."""
    owner = kafka.remember(layout, None).id
    with engine.engine() as client:
        engine.remove(client, {OWNER: owner})
        for volume in client.volumes.list(filters={"label": f"{OWNER}={owner}"}):
            volume.remove(force=True)
