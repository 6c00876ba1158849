"""Three doors, tried by the subscriber that has no grant, with real clients.

*topic*: its own credentials on overt.part.v1. *object*: segments at the authority, without a grant
and under another's, and its own credentials at the store. *key*: a segment header and wrap it was
shown, under another's grant. Each returns the refusal's reason; a door that opens raises, and so
does one that is shut for another reason: a request that is wrong in its form proves nothing. So the
key is first released to the grant's own subscriber, by the same request.
"""

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import obstore
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import S3Store

from overt_ops.demo.admin import Door, call
from overt_ops.topology.environment import unheard
from overt_schemas import api, client, topics
from overt_schemas.errors import Permanent, Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Stranger:
    """A subscriber without a grant: what it owns and where it may knock."""

    name: str
    password: str
    bootstrap: str
    ca: Path
    door: Door
    store_url: str
    bucket: str


def at_topic(who: Stranger) -> str:
    """Return the broker's reason for refusing the sealed topic, after it gave no record either."""
    connection = client.scram(who.bootstrap, str(who.ca), who.name, who.password, "demo-stranger")
    consumer = Consumer(client.registry_reader(connection, who.name))
    try:
        partitions = range(topics.CATALOGUE[topics.PART].partitions)
        consumer.assign([TopicPartition(topics.PART, n, 0) for n in partitions])
        messages = [consumer.poll(0.2) for _ in range(10)]
        if any(message is not None and message.error() is None for message in messages):
            raise Permanent("the topic answered an identity without a grant", reason="open")
        error = consumer.list_topics(topics.PART, timeout=10).topics[topics.PART].error
    except KafkaException as exc:
        error = exc.args[0]
    finally:
        consumer.close()
    if error is None or error.code() != KafkaError.TOPIC_AUTHORIZATION_FAILED:
        raise Permanent("the broker neither answered nor refused the topic", reason="unproven")
    return str(error.name())


def at_object(who: Stranger, grant: str, name: str) -> str:
    """Return the authority's and the store's reasons for refusing an object."""
    first = _refused(who.door, "GET", f"{api.SEGMENTS}?grant=g-none&limit=1", api.NO_GRANT)
    _refused(who.door, "GET", f"{api.SEGMENTS}?grant={grant}&limit=1", api.NOT_YOURS)
    with unheard():
        store = S3Store(
            who.bucket, endpoint=who.store_url, access_key_id=who.name, region="us-east-1",
            secret_access_key=who.password, client_options={"allow_http": True},
            virtual_hosted_style_request=False,
        )  # fmt: skip
    try:
        obstore.get(store, name)
    except (PermissionDeniedError, UnauthenticatedError) as refusal:
        return f"{first}; store: {type(refusal).__name__.removesuffix('Error')}"
    except BaseError as exc:
        raise Permanent("the store neither gave nor refused an object", reason="unproven") from exc
    raise Permanent("the store gave an object to an identity without rights", reason="open")


def at_key(
    who: Stranger, rightful: Door, grant: str, purpose: str, shown: tuple[bytes, bytes, str]
) -> str:
    """Return the authority's reason for refusing a key: header and wrap alone open nothing."""
    header, wrap, person_key = shown
    segment = {
        "header": base64.b64encode(header).decode(), "wrap": base64.b64encode(wrap).decode(),
        "person_key": person_key,
    }  # fmt: skip
    body = {"grant": grant, "purpose": purpose, "segments": [segment]}
    released = call(rightful, "POST", api.RELEASE, body)["keys"]
    if not released or not all(entry.get("key") for entry in released):
        raise Permanent("the key was not released to whom it is granted", reason="unproven")
    return _refused(who.door, "POST", api.RELEASE, api.NOT_YOURS, body)


def _refused(
    door: Door, method: str, path: str, reason: str, body: dict[str, Any] | None = None
) -> str:
    """Return the reason for which the authority refuses, which must be this one."""
    try:
        call(door, method, path, body)
    except Refused as refusal:
        if refusal.reason != reason:
            raise Permanent(
                f"the authority refuses as {refusal.reason}, not as {reason}", reason="unproven"
            ) from refusal
        return refusal.reason
    raise Permanent("the authority answered an identity without a grant", reason="open")
