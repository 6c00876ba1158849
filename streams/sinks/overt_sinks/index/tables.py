"""The tables of the index, as the newest migration leaves them.

``objects`` and ``runs`` are the contract's (``overt_schemas.index`` says what their columns mean):
what stands in a tier now. The others are the sinks' own, and hold no content:

``links``        the chain: a row an object that a sink created, for ever, also after its records
                 were moved and the object deleted. Chain by chain the ranges follow each other.
``gone``         ranges of offsets whose records were erased or have expired: with ``set_aside`` of
                 the links, what no object holds any more, and why.
``holds``        people whose objects nobody may delete or expire, with the ticket that says why.
``moves``        what the mover does, written down before it does it: a crash finds it here.
``move_runs``    the runs of a move, in the order in which the target holds them.
``sink_cursor``  the last ``seen`` that was given out. It only rises.
"""

from typing import Any

import sqlalchemy as sa

metadata = sa.MetaData()
Text, Big, Small = sa.Text, sa.BigInteger, sa.Integer


def _column(name: str, kind: type[sa.types.TypeEngine[Any]]) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


objects = sa.Table(
    "objects", metadata,
    sa.Column("object", Text, primary_key=True, nullable=False),
    _column("tier", Text), _column("records", Big), _column("bytes", Big), _column("sha256", Text),
    _column("person", Text), _column("day", Text), _column("class", Text),
    _column("created_ms", Big),
)  # fmt: skip

runs = sa.Table(
    "runs", metadata,
    sa.Column("run", Text, primary_key=True, nullable=False),
    sa.Column("object", Text, sa.ForeignKey("objects.object"), nullable=False),
    _column("byte_from", Big), _column("byte_len", Big), _column("records", Big),
    _column("kind", Text), _column("person", Text), _column("device", Text), _column("boot", Text),
    _column("activity", Small), _column("stream", Small), _column("segment", Big),
    _column("first_batch", Big), _column("last_batch", Big), _column("day", Text),
    _column("seen", Big),
    sa.Column("superseded_ms", Big, nullable=False, server_default="0"),
    sa.Index("runs_by_person", "person", "seen"),
    sa.Index("runs_by_seen", "seen"),
    sa.Index("runs_by_object", "object", "byte_from"),
    sa.Index("runs_by_content", "device", "boot", "stream", "first_batch"),
)  # fmt: skip

links = sa.Table(
    "links", metadata,
    sa.Column("object", Text, primary_key=True, nullable=False),
    _column("topic", Text), _column("topic_id", Text), _column("kafka_part", Small),
    _column("first_offset", Big), _column("last_offset", Big), _column("records", Big),
    _column("set_aside", Text),  # offsets joined by commas, as in the object's metadata
    _column("bytes", Big), _column("sha256", Text),  # as created
    _column("created_ms", Big),
    sa.UniqueConstraint("topic_id", "kafka_part", "first_offset"),
)  # fmt: skip

gone = sa.Table(
    "gone", metadata,
    sa.Column("topic_id", Text, primary_key=True, nullable=False),
    sa.Column("kafka_part", Small, primary_key=True, nullable=False),
    sa.Column("first_offset", Big, primary_key=True, nullable=False),
    _column("last_offset", Big), _column("why", Text), _column("at_ms", Big),
)  # fmt: skip

holds = sa.Table(
    "holds", metadata,
    sa.Column("person", Text, primary_key=True, nullable=False),
    _column("ticket", Text), _column("since_ms", Big),
)  # fmt: skip

moves = sa.Table(
    "moves", metadata,
    sa.Column("move", Text, primary_key=True, nullable=False),
    _column("kind", Text),  # pack, cold, restore
    _column("state", Text),  # planned, switched, done
    _column("target", Text), _column("tier", Text),
    _column("person", Text), _column("day", Text), _column("class", Text),
    _column("created_ms", Big), _column("changed_ms", Big),
)  # fmt: skip

move_runs = sa.Table(
    "move_runs", metadata,
    sa.Column("move", Text, sa.ForeignKey("moves.move"), primary_key=True, nullable=False),
    sa.Column("position", Big, primary_key=True, nullable=False),
    _column("run", Text),
    sa.UniqueConstraint("run"),  # a run is in one move at a time
)  # fmt: skip

sink_cursor = sa.Table(
    "sink_cursor", metadata,
    sa.Column("name", Text, primary_key=True, nullable=False),
    _column("value", Big),
)  # fmt: skip
