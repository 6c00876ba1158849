"""From a Kafka message to a record that is taken. Pure."""

from typing import Any

from overt_schemas.errors import Malformed
from overt_sinks.placing import place
from overt_sinks.taken import Taken


def take(message: Any, now: int) -> Taken:
    """Return the record of a message (confluent-kafka's), placed or with the reason why not."""
    value: bytes = message.value() or b""
    try:
        where, reason = place(value), ""
        headers = tuple((name, data or b"") for name, data in message.headers() or ())
    except Malformed as exc:
        where, reason, headers = None, exc.reason, ()
    except UnicodeDecodeError:
        where, reason, headers = None, "headers", ()
    kind, stamp = message.timestamp()
    return Taken(
        offset=message.offset(), append_ms=stamp if kind else -1, key=message.key() or b"",
        headers=headers, value=value, place=where, reason=reason, arrived_ns=now,
    )  # fmt: skip
