"""One Faust app of this room, by the one pattern in which it was measured to lose nothing.

Each app is a group of its own: a flood of frames never delays a key press, and frames need small
buffers. Everything Faust would do by itself and must not is turned off here; why each line stands
is in DECISIONS.md.
"""

import asyncio
import ssl
from typing import Any

import faust
import faust.streams
from faust.types.auth import SASLMechanism

from overt_processors import drain, telemetry
from overt_processors.acknowledge import EXIT_REDELIVER, die
from overt_processors.apps import App
from overt_processors.gate import Gate
from overt_processors.processor import Processor
from overt_processors.settings import Settings
from overt_schemas.errors import Permanent
from overt_schemas.topics import CATALOGUE

_MESSAGE_LIMIT = 1_048_576
# Members learn of a rebalance with their next heartbeat, so this is most of what a join takes.
_HEARTBEAT_S = 1.0


def create_app(settings: Settings, row: App, instance: str) -> "faust.App":
    """Return the app, without agents and not started.

    ``instance`` names this worker within its group: a restart under the same name takes its
    partitions back at once instead of waiting for the old member's session to end.
    """
    if faust.streams._CStreamIterator is None:
        # The Python twin acknowledges what it skips in a rebalance; the compiled one does not.
        raise Permanent(
            "Faust runs without its compiled parts: install its wheel and unset NO_CYTHON",
            reason="faust_build",
        )
    pace = settings.pace(row.section)
    context = ssl.create_default_context(cafile=str(settings.kafka.ca))
    return drain.App(
        row.name,
        broker=[f"kafka://{host.strip()}" for host in settings.kafka.bootstrap.split(",")],
        broker_credentials=faust.SASLCredentials(
            username=settings.kafka.username,
            password=settings.kafka.password(),
            mechanism=SASLMechanism.SCRAM_SHA_512,
            ssl_context=context,
        ),
        broker_client_id=f"{row.name}-{instance}",
        consumer_group_instance_id=instance,
        consumer_auto_offset_reset="none",
        consumer_max_fetch_size=4 * _MESSAGE_LIMIT,
        broker_commit_interval=pace.commit_interval_s,
        broker_session_timeout=pace.session_timeout_s,
        broker_heartbeat_interval=_HEARTBEAT_S,
        broker_rebalance_timeout=pace.session_timeout_s,
        processing_guarantee="at_least_once",
        producer_linger=0.005,
        producer_max_batch_size=262_144,
        producer_max_request_size=2 * _MESSAGE_LIMIT,
        stream_wait_empty=False,
        stream_buffer_maxsize=row.buffer,
        store="memory://",
        table_standby_replicas=0,
        datadir=str(settings.state_dir / "faust"),
        topic_disable_leader=True,
        topic_allow_declare=False,
        web_enabled=False,
        key_serializer="raw",
        value_serializer="raw",
        autodiscover=False,
    )


def attach(app: "faust.App", row: App, processor: Processor, gate: Gate) -> None:
    """Give the app its one agent, which hands each record to the processor."""
    topic = app.topic(
        row.topic,
        schema=drain.AsItCame(
            key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw"
        ),
        partitions=CATALOGUE[row.topic].partitions,
    )

    @app.agent(topic, concurrency=1, name=f"{row.section}_agent")
    async def agent(records: Any) -> None:
        try:
            async for event in records.noack().events():
                telemetry.taken(len(event.message.value or b""))
                if gate.is_open or await gate.passes():
                    await processor.handle(event)
        except (asyncio.CancelledError, GeneratorExit):
            raise  # a rebalance or a stop; what was in hand was not acknowledged
        except BaseException as exc:
            die(EXIT_REDELIVER, "agent_failed", error=type(exc).__name__)
