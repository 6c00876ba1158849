"""The process that stands for a broker in a container.

``python -m tests.stack.brokers.keeper FILE`` starts the broker, says what it says, lives as long as
it does and ends with its exit code. SIGTERM is passed on. A keeper that is killed takes its broker
along: a child that only waits for its end removes the container, so ``kill -9`` of the process that
``status`` shows is ``kill -9`` of the broker.
"""

import contextlib
import os
import signal
import socket
import ssl
import sys
from pathlib import Path
from typing import Any

from docker.errors import DockerException  # type: ignore[import-untyped]
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer
from testcontainers.core.waiting_utils import WaitStrategy, WaitStrategyTarget

from overt_ops.devstack.preflight import LOOPBACK
from tests.stack.brokers import engine
from tests.stack.brokers.spec import KEEPER, OWNER, PART, Spec

_START_S = 50  # below the supervisor's own patience, so that the reason reaches the log


class Asked(BaseException):
    """Somebody wants the broker to stop."""


class Handshake(WaitStrategy):
    """Ready is a broker whose door speaks TLS with its own certificate.

    An open port would say nothing: the engine opens it with the network, before there is a broker.
    """

    def __init__(self, port: int, ca: str) -> None:
        super().__init__()
        self._port = port
        self._context = ssl.create_default_context(cafile=ca)
        self.with_startup_timeout(_START_S).with_poll_interval(0.1)
        self.with_transient_exceptions(OSError)

    def wait_until_ready(self, container: WaitStrategyTarget) -> None:
        """Return once it is; raise if the broker ends before."""
        if not self._poll(lambda: self._answers(container)):
            raise TimeoutError("the broker does not serve")

    def _answers(self, container: WaitStrategyTarget) -> bool:
        container.reload()
        if container.status in ("exited", "dead", "removing"):
            raise StopIteration
        with (
            socket.create_connection((LOOPBACK, self._port), 1) as link,
            self._context.wrap_socket(link, server_hostname=LOOPBACK),
        ):
            return True


def main() -> int:
    """Keep one broker; returns the exit code of its process."""
    spec = Spec.read(Path(sys.argv[1]))
    testcontainers_config.ryuk_disabled = True  # the undertaker below does that at once
    Path(spec.ready).unlink(missing_ok=True)
    signal.signal(signal.SIGTERM, _ask)
    _fork_undertaker(spec)
    # Also what a keeper left that was killed a moment ago: two brokers cannot share a folder.
    with engine.engine() as client:
        engine.remove(client, {OWNER: spec.owner, PART: spec.name})
    container = broker(spec)
    try:
        container.start()
        Path(spec.ready).touch(mode=0o600)
        for chunk in container.get_wrapped_container().logs(stream=True, follow=True):
            _say(chunk)
        return int(container.wait())
    except Asked:
        container.get_wrapped_container().stop(timeout=spec.stop_s)
        return 0
    except TimeoutError:
        _say(b"".join(container.get_logs()))
        return 1
    finally:
        Path(spec.ready).unlink(missing_ok=True)


def broker(spec: Spec) -> DockerContainer:
    """Return the broker's container, ready to be started."""
    container = DockerContainer(spec.image)
    container.with_command(["-c", spec.script])
    container.with_volume_mapping(spec.volume, spec.mount, "rw")
    for here, inside in spec.files.items():
        container.with_copy_into_container(Path(here), inside, 0o600)
    container.waiting_for(Handshake(spec.port, spec.ca))
    # As root, because copied files and a new volume belong to root and to nobody else.
    return container.with_kwargs(
        entrypoint=["sh"],
        labels={OWNER: spec.owner, PART: spec.name, KEEPER: str(os.getpid())},
        network_mode=f"container:{spec.network}",
        user="0",
    )


def _ask(*_: Any) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise Asked


def _say(text: bytes) -> None:
    sys.stdout.buffer.write(text)
    sys.stdout.buffer.flush()


def _fork_undertaker(spec: Spec) -> None:
    """Leave a child behind that removes the broker once this process is gone, however it went."""
    keeper = os.getpid()
    mine, keepers = os.pipe()
    if os.fork():
        os.close(mine)
        return  # `keepers` stays open as long as this process lives
    os.setsid()  # out of the group that is killed with the keeper
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    os.close(keepers)
    os.read(mine, 1)
    # Only this keeper's: the next one may have started its own by now.
    with contextlib.suppress(DockerException), engine.engine() as client:
        engine.remove(client, {OWNER: spec.owner, KEEPER: str(keeper)})
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
