"""How the one who applies the topology reaches the brokers, the store and the key server.

A TOML file (0600) names doors and the files of secrets, never a secret itself::

    [kafka]   bootstrap, ca, cert, key          mTLS as the broker's own principal
    [store]   url, access_key_file, secret_key_file, identities
    [bao]     url, ca, jwt_key                  role reconcile
    [secrets] folder                            NAME/kafka.password of every SCRAM user
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from overt_schemas import client
from overt_schemas.errors import Permanent


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """The object store's door for whoever makes buckets."""

    url: str
    access_key_file: Path
    secret_key_file: Path
    identities: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyServer:
    """The key server's door for the reconciler."""

    url: str
    ca: Path
    jwt_key: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """All doors."""

    kafka: client.Config
    store: Store
    keys: KeyServer
    secrets: Path

    def password_file(self, user: str) -> Path:
        """Return the file that holds (or will hold) a user's password."""
        return self.secrets / user / "kafka.password"


def load(path: Path) -> Connection:
    """Return the connection described in a file.

    Raises:
        Permanent: there is no such file, or something is missing in it.
    """
    try:
        tables = tomllib.loads(path.read_text())
        kafka, store, keys = tables["kafka"], tables["store"], tables["bao"]
        config = client.mtls(
            kafka["bootstrap"], kafka["ca"], kafka["cert"], kafka["key"], "topology"
        )
        return Connection(
            # librdkafka prints every lost connection on stderr; errors reach us as exceptions.
            kafka={**config, "log_level": 0},
            store=Store(
                url=store["url"],
                access_key_file=Path(store["access_key_file"]),
                secret_key_file=Path(store["secret_key_file"]),
                identities=Path(store["identities"]),
            ),
            keys=KeyServer(url=keys["url"], ca=Path(keys["ca"]), jwt_key=Path(keys["jwt_key"])),
            secrets=Path(tables["secrets"]["folder"]),
        )
    except FileNotFoundError as exc:
        raise Permanent(
            f"no {path}: start the stack with `stream-ops dev up`, or name another connection",
            reason="connection",
        ) from exc
    except (KeyError, tomllib.TOMLDecodeError) as exc:
        raise Permanent(f"{path} lacks or garbles {exc}", reason="connection") from exc
