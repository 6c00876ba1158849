"""Kafka Connect on the sealed topic, with the configuration that is handed out: nothing lost,
nothing opened, nothing else readable, and what it does not give is shown."""

import base64
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from confluent_kafka import Producer

from overt_ops.devstack import Running, certs, connect
from overt_ops.topology import files, parse
from overt_ops.topology.model import FILES
from overt_schemas import client, topics
from tests.sinks.made import Segments
from tests.stack import clients

_LINE = re.compile(r"Struct\{value=([^,]*),topic=([^,]*),partition=(\d+),offset=(\d+)\}")
_PATIENCE_S = 60


def topology(target: Path) -> Path:
    """The declared topology with what deploy/connect adds to it."""
    shutil.copytree(files.default_folder(), target)
    added = yaml.safe_load((connect.folder() / "principal.yaml").read_text())
    for name, more in added.items():
        path = target / f"{name}.yaml"
        document = yaml.safe_load(path.read_text())
        if name == "principals":
            document["services"] += more["services"]
        elif isinstance(document, list):
            document += more
        else:
            document |= more
        path.write_text(yaml.safe_dump(document))
    return target


def properties(name: str) -> dict[str, str]:
    lines = (connect.folder() / name).read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_it_is_declared_to_read_one_topic_and_no_more(tmp_path: Path) -> None:
    folder = topology(tmp_path / "topology")
    documents = {n: yaml.safe_load((folder / f"{n}.yaml").read_text()) for n in FILES}

    rights = {
        (b.operation, b.resource, b.name)
        for b in parse(documents).access
        if b.principal == "connect"
    }

    assert rights == {("read", "topic", topics.PART), ("read", "group", "connect-overt-parts")}


def test_its_files_are_bytes_in_and_bytes_out_and_hold_no_secret() -> None:
    worker, parts = properties("worker.properties"), properties("parts.properties")

    converters = {v.rsplit(".", 1)[1] for k, v in worker.items() if k.endswith(".converter")}
    assert converters == {"ByteArrayConverter"}
    assert parts["topics"] == topics.PART
    assert "converter" not in " ".join(parts)
    assert {worker["security.protocol"], worker["consumer.security.protocol"]} == {"SASL_SSL"}
    passwords = re.findall(r'password="([^"]*)"', " ".join(worker.values()))
    assert set(passwords) == {"${dir:/etc/overt/connect:kafka.password}"}
    assert worker["listeners.https.ssl.client.auth"] == "required"


@dataclass
class Worker:
    """A standalone worker with the files of deploy/connect, in a folder of its own."""

    stack: Running
    folder: Path
    door: int
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        config = connect.configure(
            self.folder / "config",
            {
                "kafka.example:9094": self.stack.bootstrap,
                "/etc/overt/connect": str(self.folder / "secrets"),
                "/var/lib/overt/connect": str(self.folder),
                "127.0.0.1:8083": f"127.0.0.1:{self.door}",
            },
        )
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(connect.command(config), stdout=log, stderr=log)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def lines(self) -> list[tuple[int, int, bytes]]:
        path = self.folder / "parts.txt"
        text = path.read_text() if path.exists() else ""
        found = (_LINE.fullmatch(line) for line in text.splitlines())
        return [(int(m[3]), int(m[4]), base64.b64decode(m[1])) for m in found if m]

    def wait_for(self, records: int) -> list[tuple[int, int, bytes]]:
        deadline = time.monotonic() + _PATIENCE_S
        while len({line[:2] for line in self.lines()}) < records:
            assert self.process is not None
            log = (self.folder / "log").read_text()[-2000:]
            assert self.process.poll() is None, log
            assert time.monotonic() < deadline, log
            time.sleep(0.1)
        return self.lines()


def produce(stack: Running, count: int) -> dict[tuple[int, int], bytes]:
    """Write sealed parts as refine does; their values by partition and offset."""
    written: dict[tuple[int, int], bytes] = {}
    producer = Producer(client.producer(clients.scram(stack, "refine")))

    def delivered(error: Any, message: Any) -> None:
        assert error is None
        written[(message.partition(), message.offset())] = message.value()

    for number in range(count):
        device = Segments(device=bytes([number % 251]) * 16)
        producer.produce(
            topics.PART, device.part(size=2000), key=device.device, partition=number % 4,
            on_delivery=delivered,
        )  # fmt: skip
    assert producer.flush(30) == 0
    return written


@pytest.fixture
def worker(stack: Running, tmp_path: Path) -> Iterator[Worker]:
    issuer = certs.ensure_issuer(stack.layout.ca, "service")
    stack.apply(topology(tmp_path / "topology"))
    principal = stack.layout.principal("connect")
    certs.ensure_issued(
        issuer, principal, certs.subject(certs.Kind.SERVICE, "connect"), server=True
    )
    connect.lay_secrets(
        tmp_path / "secrets", ca=stack.layout.service_ca, password=principal / "kafka.password",
        cert=principal / "cert.pem", key=principal / "key.pem",
    )  # fmt: skip
    made = Worker(stack, tmp_path, free_port())
    yield made
    made.kill()
    stack.apply()


def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.mark.stack
@pytest.mark.long
@pytest.mark.timeout(300)
def test_every_sealed_part_arrives_as_it_is_and_after_a_kill_again(worker: Worker) -> None:
    before = produce(worker.stack, 40)
    worker.start()
    worker.wait_for(len(before))

    # What a worker wrote and did not commit yet it writes again: here is no set of names.
    worker.kill()
    written = before | produce(worker.stack, 40)
    worker.start()
    lines = worker.wait_for(len(written))

    assert {(p, o): value for p, o, value in lines if (p, o) in written} == written
    connection = clients.scram(worker.stack, "connect")
    assert clients.read(connection, topics.PART) == "ok"
    assert clients.read(connection, topics.INPUT) == "TOPIC_AUTHORIZATION_FAILED"
    assert clients.write(connection, topics.PART) == "TOPIC_AUTHORIZATION_FAILED"
    with pytest.raises(httpx.TransportError):  # a stranger at the worker's door
        httpx.get(f"https://127.0.0.1:{worker.door}/connectors", verify=False)  # noqa: S501
