"""Whether a Docker engine answers here, and whether it has or gets an image."""

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import docker  # type: ignore[import-untyped]
from docker.errors import (  # type: ignore[import-untyped]
    APIError,
    DockerException,
    ImageNotFound,
)
from requests.exceptions import RequestException
from testcontainers.core.docker_client import DockerClient, get_docker_host

from overt_schemas.errors import Transient

_ANSWER_S, _REMOVAL_S = 5, 30
_DEFAULT_DOOR = "unix:///var/run/docker.sock"
# Ports are published on this machine's loopback; an engine elsewhere would publish them there.
_HERE = frozenset({"localhost", "127.0.0.1", "::1"})


def door() -> str:
    """Return where the engine is asked: the variable, the context, or where it usually is."""
    return os.environ.get("DOCKER_HOST") or get_docker_host() or _DEFAULT_DOOR


@contextlib.contextmanager
def engine(timeout_s: int = 60) -> Iterator["docker.DockerClient"]:
    """Lend a client of the engine that testcontainers uses."""
    with _wrapped(timeout_s) as wrapper:
        yield wrapper.client


@contextlib.contextmanager
def _wrapped(timeout_s: int) -> Iterator[DockerClient]:
    wrapper = DockerClient(timeout=timeout_s)
    try:
        yield wrapper
    finally:
        wrapper.client.close()


def remove(client: "docker.DockerClient", labels: Mapping[str, str]) -> None:
    """Remove all containers with these labels, dead or alive; returns once there is none."""
    wanted = {"label": [f"{name}={value}" for name, value in labels.items()]}
    deadline = time.monotonic() + _REMOVAL_S
    while found := client.containers.list(all=True, filters=wanted, ignore_removed=True):
        if time.monotonic() > deadline:
            raise Transient(f"{len(found)} containers do not go away", reason="docker")
        for container in found:
            # Somebody else may be removing it at this moment.
            with contextlib.suppress(APIError):
                container.remove(force=True, v=True)


def image_within(image: str, patience_s: float) -> str:
    """Return nothing if the engine has the image or gets it in time, else what is lacking."""
    if not _is_open(door()):
        return "no Docker engine answers"
    try:
        with _wrapped(_ANSWER_S) as wrapper:
            wrapper.client.ping()
            if (where := wrapper.host()) not in _HERE:
                return f"the Docker engine publishes its ports on {where}, not on this machine"
            with contextlib.suppress(ImageNotFound):
                wrapper.client.images.get(image)
                return ""
    except (DockerException, RequestException, OSError):
        return "no Docker engine answers"
    return _pulled_within(image, patience_s)


def _is_open(where: str) -> bool:
    """Whether somebody listens at a unix socket; of any other door only its client can tell.

    The client leaves its socket unclosed where it is refused, which pytest rightly reports.
    """
    parts = urlsplit(where)
    if parts.scheme != "unix":
        return True
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        return link.connect_ex(parts.path) == 0


def _pulled_within(image: str, patience_s: float) -> str:
    told: list[str] = []

    def pull() -> None:
        try:
            with engine(int(patience_s) + 1) as client:
                client.images.pull(image)
            told.append("")
        except (DockerException, RequestException, OSError) as exc:
            told.append(f"the image {image} cannot be pulled: {_first_line(exc)}")

    # A daemon thread, because a pull cannot be called off: the engine may well finish it for the
    # next run.
    thread = threading.Thread(target=pull, daemon=True)
    thread.start()
    thread.join(patience_s)
    return told[0] if told else f"the image {image} did not come within {patience_s:.0f} s"


def _first_line(error: Any) -> str:
    text = str(getattr(error, "explanation", None) or error)
    return text.strip().splitlines()[0][:160] if text.strip() else type(error).__name__
