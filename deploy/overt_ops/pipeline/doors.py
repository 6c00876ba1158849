"""As whom the operator's commands come to the brokers.

A settings file (TOML) with a ``[kafka]`` table: ``bootstrap``, ``ca``, ``username`` and
``password_file``. The embedded stack hands out one to each of its operators' principals:
``operator`` looks, ``redrive`` writes.
"""

import ssl
import tomllib
from dataclasses import dataclass
from pathlib import Path

from overt_schemas import client
from overt_schemas.errors import Permanent

OPERATOR, REDRIVE = "operator", "redrive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """A connection, and the name under which the brokers know who uses it."""

    username: str
    connection: client.Config


def load(path: Path) -> Door:
    """Return the door that a settings file describes.

    Raises:
        Permanent: there is no such file, or something is missing in it.
    """
    try:
        kafka = tomllib.loads(path.read_text())["kafka"]
        password = Path(kafka["password_file"]).read_text().strip()
        username = str(kafka["username"])
        ssl.create_default_context(cafile=kafka["ca"])  # librdkafka would say it less well
        connection = client.scram(
            kafka["bootstrap"], kafka["ca"], username, password, f"stream-ops-{username}"
        )
    except ssl.SSLError as exc:
        raise Permanent(
            f"{path}: kafka.ca: {kafka['ca']} is no certificate in PEM", reason="connection"
        ) from exc
    except OSError as exc:
        # The TLS library does not say which file it was.
        raise Permanent(
            f"cannot read {exc.filename or kafka['ca']}: start the stack with `stream-ops dev up`, "
            "or name your own settings with --config",
            reason="connection",
        ) from exc
    except (KeyError, TypeError, UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
        raise Permanent(f"{path} lacks or garbles {exc}", reason="connection") from exc
    # librdkafka prints every lost connection on stderr; errors reach us as exceptions.
    return Door(username=username, connection={**connection, "log_level": 0})
