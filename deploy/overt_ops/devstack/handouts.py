"""What each process and each person of the stack is handed: settings that name their own secrets.

A settings file (TOML, 0600) holds paths of secrets and never a secret. Everybody gets the same
tables, as far as they apply::

    state_dir = "..."     the process's own 0700 folder
    [kafka]               bootstrap, ca, username, password_file
    [authority]           url, ca, cert, key, root_key     (everybody but the authority; root_key
                          alone for whoever believes signatures and asks for no key)
    [store]               url, access_key_file, secret_key_file, hot, warm, cold, filer_probe_url
    [index]               url                              (the sink writes, the authority reads)
    [tiers] [retention]   as declared in topology/tiers.yaml (mover, verifier, eraser)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from overt_ops.devstack import certs, seaweed
from overt_ops.devstack.cluster import INTERNAL, MTLS, SCRAM, bootstrap
from overt_ops.devstack.layout import Layout
from overt_ops.devstack.preflight import LOOPBACK
from overt_ops.devstack.tuning import Tuning
from overt_ops.private import Scalar, ensure_password, private_dir, toml, write_private
from overt_ops.topology.files import default_folder
from overt_ops.topology.tiers import Tiering

Table = dict[str, Scalar]
OPERATORS = ("ops", "approver-1", "approver-2")
KEEPERS = ("mover", "verifier", "eraser")  # work on what is stored; none holds a key
CLIENTS = ("operator", "redrive")  # as whom `stream-ops` looks at the brokers, and writes back


@dataclass(frozen=True, slots=True, kw_only=True)
class Handouts:
    """Writes the settings of one stack."""

    layout: Layout
    ports: Mapping[str, int]
    tuning: Tuning

    def _url(self, port: str, scheme: str = "https") -> str:
        return f"{scheme}://{LOOPBACK}:{self.ports[port]}"

    def identity(self, kind: certs.Kind, name: str, *, server: bool = False) -> Path:
        """Keep a certificate for a principal and return its folder."""
        issuer = certs.ensure_issuer(self.layout.ca, "service")
        subject = certs.subject(kind, name)
        folder = private_dir(self.layout.principal(name))
        return certs.ensure_issued(issuer, folder, subject, server=server)

    def kafka(self, user: str) -> Table:
        """Return the [kafka] table of a SCRAM user."""
        password = self.layout.principal(user) / "kafka.password"
        ensure_password(password)
        return {
            "bootstrap": bootstrap(self.ports, SCRAM),
            "ca": str(self.layout.service_ca),
            "username": user,
            "password_file": str(password),
        }

    def authority(self, folder: Path) -> Table:
        """Return the [authority] table for whoever owns the certificate in ``folder``."""
        return {
            "url": self._url("authority"),
            "ca": str(self.layout.service_ca),
            "cert": str(folder / "cert.pem"),
            "key": str(folder / "key.pem"),
            "root_key": str(self.layout.root_pub),
        }

    def store(self, identity: str) -> Table:
        """Return the [store] table of a store identity."""
        seaweed.ensure_keys(self.layout, identity)
        folder = self.layout.principal(identity)
        return {
            "url": self._url("s3", "http"),
            "access_key_file": str(folder / "s3.access"),
            "secret_key_file": str(folder / "s3.secret"),
            "hot": "hot",
            "warm": "warm",
            "cold": "cold",
            "filer_probe_url": seaweed.side_door(self.ports),
        }

    def index(self) -> Table:
        """Return the [index] table."""
        private_dir(self.layout.index.parent)
        return {"url": f"sqlite:///{self.layout.index}"}

    def write(self, path: Path, tables: Mapping[str, Table]) -> Path:
        """Write a settings file beside the state folder it names."""
        state = private_dir(path.parent / "state")
        return write_private(path, toml({"state_dir": str(state)}, tables))

    def write_authority(self) -> None:
        """Write the settings of the authority."""
        folder = self.identity(certs.Kind.SERVICE, "authority", server=True)
        path = self.layout.settings("authority")
        database = private_dir(path.parent / "state") / "authority.db"
        tables: dict[str, Table] = {
            "listen": {
                "host": LOOPBACK,
                "port": self.ports["authority"],
                "cert": str(folder / "cert.pem"),
                "key": str(folder / "key.pem"),
                "client_ca": str(self.layout.client_ca),
            },
            "device_ca": {
                "cert": str(self.layout.device_ca),
                "key": str(self.layout.ca / "device.key"),
            },
            "root": {"key": str(self.layout.root_key)},
            "kafka": self.kafka("authority"),
            "endpoint_kafka": {
                "bootstrap": bootstrap(self.ports, MTLS),
                "ca": str(self.layout.service_ca),
            },
            "store": self.store("authority"),
            "index": self.index(),
            "bao": {
                "url": self._url("bao"),
                "ca": str(self.layout.service_ca),
                "role": "authority",
                "jwt_key": str(folder / "jwt.pem"),
            },
            "database": {"url": f"sqlite:///{database}"},
            "beacon": {
                "interval_s": self.tuning.beacon_interval_s,
                "valid_s": self.tuning.beacon_valid_s,
            },
            "policies": {"dir": str(default_folder() / "policies")},
        }
        self.write(path, tables)

    def write_refine(self, service: str) -> None:
        """Write the settings of a refine worker; both streams act as the principal ``refine``."""
        folder = self.identity(certs.Kind.SERVICE, "refine")
        tables = {"kafka": self.kafka("refine"), "authority": self.authority(folder)}
        self.write(self.layout.settings(service), tables)

    def write_keyless(self, service: str) -> None:
        """Write the settings of a service that opens nothing: brokers, and whom to believe."""
        private_dir(self.layout.principal(service))
        trust: Table = {"root_key": str(self.layout.root_pub)}
        tables = {"kafka": self.kafka(service), "authority": trust}
        self.write(self.layout.settings(service), tables)

    def write_sink(self) -> None:
        """Write the settings of the sink."""
        folder = self.identity(certs.Kind.SERVICE, "sink")
        tables = {
            "kafka": self.kafka("sink"),
            "authority": self.authority(folder),
            "store": self.store("sink") | self._second_identity(),
            "index": self.index(),
        }
        self.write(self.layout.settings("sink"), tables)

    def write_keeper(self, name: str, declared: Tiering) -> Path:
        """Write the settings of one who works on what is stored: no certificate, and no key."""
        folder = private_dir(self.layout.principal(name))
        tables: dict[str, Table] = {
            "kafka": self.kafka(name),
            "store": self.store(name),
            "index": self.index(),
            "tiers": dict(declared.tiers),
            "retention": dict(declared.retention),
        }
        return self.write(folder / "settings.toml", tables)

    def _second_identity(self) -> Table:
        """Return the keys with which the start-up probe tries to overwrite an object."""
        probe = self.store("sink-probe")
        return {f"second_{key}": probe[key] for key in ("access_key_file", "secret_key_file")}

    def write_subscriber(self, name: str) -> Path:
        """Write a subscriber's settings: the live topics and the authority, no store."""
        folder = self.identity(certs.Kind.SUBSCRIBER, name)
        tables = {"kafka": self.kafka(name), "authority": self.authority(folder)}
        return self.write(folder / "settings.toml", tables)

    def write_operator(self, name: str) -> Path:
        """Write an operator's settings: the authority's door only."""
        folder = self.identity(certs.Kind.OPERATOR, name)
        return self.write(folder / "settings.toml", {"authority": self.authority(folder)})

    def write_client(self, name: str) -> Path:
        """Write the settings of somebody who only comes to the brokers."""
        folder = private_dir(self.layout.principal(name))
        return self.write(folder / "settings.toml", {"kafka": self.kafka(name)})

    def write_connection(self) -> Path:
        """Write the doors of whoever applies the topology."""
        broker = self.layout.principal("broker-1")
        root = self.layout.principal(seaweed.ROOT)
        folder = private_dir(self.layout.principal("reconcile"))
        tables: dict[str, Table] = {
            "kafka": {
                "bootstrap": bootstrap(self.ports, INTERNAL),
                "ca": str(self.layout.service_ca),
                "cert": str(broker / "cert.pem"),
                "key": str(broker / "key.pem"),
            },
            "store": {
                "url": self._url("s3", "http"),
                "access_key_file": str(root / "s3.access"),
                "secret_key_file": str(root / "s3.secret"),
                "identities": str(self.layout.state / "seaweed" / "s3.json"),
            },
            "bao": {
                "url": self._url("bao"),
                "ca": str(self.layout.service_ca),
                "jwt_key": str(folder / "jwt.pem"),
            },
            "secrets": {"folder": str(self.layout.principals)},
        }
        return write_private(folder / "connection.toml", toml({}, tables))
