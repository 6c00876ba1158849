"""What every Kafka client of the product is configured with: a pure dictionary for librdkafka.

TLS always; services and readers add SCRAM-SHA-512, endpoints a certificate. Consumers of content
never guess where to start (``auto.offset.reset=error``: the topology commits first offsets).
"""

from overt_schemas.topics import PARTITIONER

Config = dict[str, str | int | float | bool]


def scram(bootstrap: str, ca: str, username: str, password: str, client_id: str) -> Config:
    """Return the connection of a service, operator or subscriber; ``ca`` is a PEM file's path."""
    return {
        "bootstrap.servers": bootstrap, "client.id": client_id,
        "security.protocol": "SASL_SSL", "ssl.ca.location": ca,
        "sasl.mechanism": "SCRAM-SHA-512", "sasl.username": username, "sasl.password": password,
    }  # fmt: skip


def mtls(bootstrap: str, ca: str, cert: str, key: str, client_id: str) -> Config:
    """Return the connection of an endpoint; ``cert`` and ``key`` are PEM files' paths."""
    return {
        "bootstrap.servers": bootstrap, "client.id": client_id,
        "security.protocol": "SSL", "ssl.ca.location": ca,
        "ssl.certificate.location": cert, "ssl.key.location": key,
    }  # fmt: skip


def producer(connection: Config) -> Config:
    """Return an idempotent producer that waits for all replicas and hashes keys as Faust does."""
    return {
        **connection, "enable.idempotence": True, "acks": "all", "partitioner": PARTITIONER,
        "linger.ms": 5, "message.max.bytes": 1_048_576, "queue.buffering.max.kbytes": 65_536,
    }  # fmt: skip


def consumer(connection: Config, group: str) -> Config:
    """Return a consumer of content in ``group``: no auto-commit, no guess where to start."""
    return {
        **connection, "group.id": group, "enable.auto.commit": False,
        "enable.auto.offset.store": False, "auto.offset.reset": "error",
        "queued.max.messages.kbytes": 32_768, "fetch.message.max.bytes": 1_048_576,
    }  # fmt: skip


def registry_reader(connection: Config, name: str) -> Config:
    """Return a consumer for ``assign`` from the beginning to the end: no group takes part."""
    return {
        **connection, "group.id": f"registry-{name}", "enable.auto.commit": False,
        "auto.offset.reset": "earliest", "enable.partition.eof": True,
    }  # fmt: skip
