"""Real clients for the proofs: as anybody, and what they are told."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from cryptography import x509

from overt_ops.devstack import Running, certs
from overt_schemas import client

QUIET = {"log_level": 0, "socket.timeout.ms": 10_000}

_NO_GROUP = KafkaError.GROUP_AUTHORIZATION_FAILED


def scram(stack: Running, user: str, password: str | None = None) -> client.Config:
    """Return a SCRAM user's connection; its own password unless another is given."""
    own = stack.layout.principal(user) / "kafka.password"
    secret = own.read_text() if password is None else password
    ca = str(stack.layout.service_ca)
    return client.scram(stack.bootstrap, ca, user, secret, f"test-{user}") | QUIET


def tls(
    stack: Running, folder: Path, issuer: certs.Issuer, name: x509.Name, door: str
) -> client.Config:
    """Return a connection with a certificate made for ``name``, to one of Kafka's doors."""
    made = certs.issue(issuer, name, life=timedelta(hours=1))
    (folder / "cert.pem").write_bytes(made.cert)
    (folder / "key.pem").write_bytes(made.key)
    bootstrap, ca = f"127.0.0.1:{stack.ports[door]}", str(stack.layout.service_ca)
    cert, key = str(folder / "cert.pem"), str(folder / "key.pem")
    return client.mtls(bootstrap, ca, cert, key, "test-tls") | QUIET


def write(connection: client.Config, topic: str, value: bytes = b"x") -> str:
    """Return ``ok``, or the name of the error with which one record came back."""
    told: list[str] = []

    def delivered(error: KafkaError | None, _: Any) -> None:
        told.append("ok" if error is None else str(error.name()))

    producer = Producer(connection | {"message.timeout.ms": 10_000})
    try:
        producer.produce(topic, value, partition=0, on_delivery=delivered)
    except KafkaException as exc:
        return str(exc.args[0].name())
    producer.flush(15)
    return told[0] if told else "silence"


def read(connection: client.Config, topic: str, partition: int = 0) -> str:
    """Return ``ok`` if the partition can be read to its end, else the name of the error.

    A refused topic shows no partition to fetch from, so its metadata is where the refusal is seen.
    No group takes part, but librdkafka looks for its coordinator all the same; being refused there
    says nothing about the topic.
    """
    consumer = Consumer(client.registry_reader(connection, "test"))
    try:
        refused = consumer.list_topics(topic, timeout=20).topics[topic].error
        if refused is not None:
            return str(refused.name())
        consumer.assign([TopicPartition(topic, partition, 0)])
        for _ in range(200):
            message = consumer.poll(0.1)
            error = message.error() if message is not None else None
            if message is None or (error and error.code() == _NO_GROUP):
                continue
            if error is None or error.code() == KafkaError._PARTITION_EOF:
                return "ok"
            return str(error.name())
    finally:
        consumer.close()
    return "silence"
