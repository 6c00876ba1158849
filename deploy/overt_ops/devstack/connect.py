"""Kafka Connect for those who prefer it to `overt-sink`: its jars, and the command that starts it.

The configuration is data in ``deploy/connect``; see its README for what Connect does not give. The
jars are fetched by their own lock, like Kafka's. The embedded stack does not run it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import overt_ops
from overt_ops.devstack import jars, kafka
from overt_ops.devstack.layout import cache_dir
from overt_ops.devstack.progress import Progress, Silent
from overt_ops.private import ensure_password, private_dir, write_private

VERSION = "4.3.1"  # the newest whose file sink is in the public repository; 4.4 brokers take it
FILES = ("worker.properties", "parts.properties")
_HEAP = "-Xmx256m"


def folder() -> Path:
    """Return ``deploy/connect`` beside the package: the source tree's own."""
    return Path(overt_ops.__file__).resolve().parent.parent / "connect"


def configure(target: Path, places: Mapping[str, str]) -> tuple[Path, ...]:
    """Write both configuration files to ``target`` with the example's places exchanged."""
    private_dir(target)
    written = []
    for name in FILES:
        text = (folder() / name).read_text()
        for example, own in places.items():
            text = text.replace(example, own)
        written.append(write_private(target / name, text))
    return tuple(written)


def command(
    config: tuple[Path, ...], progress: Progress | None = None, cache: Path | None = None
) -> tuple[str, ...]:
    """Return the command line of a standalone worker; its jars are fetched if they are not there.

    Raises:
        Permanent: a jar differs from the lock. Transient: one cannot be fetched.
    """
    lock = jars.read_lock(folder() / f"connect-{VERSION}.lock")
    paths = jars.fetch(lock, (cache or cache_dir()) / f"connect-{VERSION}", progress or Silent())
    return (
        kafka.java(), _HEAP, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", kafka.class_path(paths),
        "org.apache.kafka.connect.cli.ConnectStandalone", *map(str, config),
    )  # fmt: skip


def lay_secrets(target: Path, *, ca: Path, password: Path, cert: Path, key: Path) -> Path:
    """Lay what the worker reads into one private folder: CA, password, its own door's identity.

    The worker's door reads no PEM, so its key and whom it trusts become PKCS #12 files, under a
    password that is made here and stands beside them.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.serialization import pkcs12

    private_dir(target)
    secret = ensure_password(target / "door.password").encode()
    sealed = serialization.BestAvailableEncryption(secret)
    issuer = x509.load_pem_x509_certificate(ca.read_bytes())
    own = x509.load_pem_x509_certificate(cert.read_bytes())
    private: Any = serialization.load_pem_private_key(key.read_bytes(), None)
    door = pkcs12.serialize_key_and_certificates(b"door", private, own, [issuer], sealed)
    trusted = pkcs12.serialize_java_truststore([pkcs12.PKCS12Certificate(issuer, b"overt")], sealed)
    write_private(target / "ca.pem", ca.read_bytes())
    write_private(target / "kafka.password", password.read_text().strip())
    write_private(target / "door.p12", door)
    write_private(target / "trusted.p12", trusted)
    return target
