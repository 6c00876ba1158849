"""Two layers: what stands in a tier now, and the chain's ledger that outlives it.

Every object of 0001 becomes a link and an object of the hot tier; runs stay as they are. A link's
topic comes from the object's name. 0001 never kept which offsets were set aside, so ``set_aside``
is empty for those links; the objects themselves still say it, and ``overt-sink verify`` does.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_RUN_COLUMNS = (
    "run, object, byte_from, byte_len, records, kind, person, device, boot, activity, stream,"
    " segment, first_batch, last_batch, day, seen"
)


def upgrade() -> None:
    """Set the old rows apart, make the new tables, and fill them."""
    # Neither database drops an object's columns while runs refer to it, and a table that was
    # renamed would leave its constraint's names behind.
    for name in ("runs", "objects"):
        op.execute(f"CREATE TABLE old_{name} AS SELECT * FROM {name}")  # noqa: S608
        op.drop_table(name)
    _make_standing()
    _make_ledger()
    _make_moving()
    _fill()
    for name in ("runs", "objects"):
        op.drop_table(f"old_{name}")


def _make_standing() -> None:
    op.create_table(
        "objects",
        sa.Column("object", sa.Text, primary_key=True, nullable=False),
        *_texts("tier"),
        *_bigs("records", "bytes"),
        *_texts("sha256", "person", "day", "class"),
        *_bigs("created_ms"),
    )
    op.create_table(
        "runs",
        sa.Column("run", sa.Text, primary_key=True, nullable=False),
        sa.Column("object", sa.Text, sa.ForeignKey("objects.object"), nullable=False),
        *_bigs("byte_from", "byte_len", "records"),
        *_texts("kind", "person", "device", "boot"),
        *_smalls("activity", "stream"),
        *_bigs("segment", "first_batch", "last_batch"),
        *_texts("day"),
        *_bigs("seen"),
        sa.Column("superseded_ms", sa.BigInteger, nullable=False, server_default="0"),
    )
    op.create_index("runs_by_person", "runs", ["person", "seen"])
    op.create_index("runs_by_seen", "runs", ["seen"])
    op.create_index("runs_by_object", "runs", ["object", "byte_from"])
    op.create_index("runs_by_content", "runs", ["device", "boot", "stream", "first_batch"])


def _make_ledger() -> None:
    op.create_table(
        "links",
        sa.Column("object", sa.Text, primary_key=True, nullable=False),
        *_texts("topic", "topic_id"),
        *_smalls("kafka_part"),
        *_bigs("first_offset", "last_offset", "records"),
        *_texts("set_aside"),
        *_bigs("bytes"),
        *_texts("sha256"),
        *_bigs("created_ms"),
        sa.UniqueConstraint("topic_id", "kafka_part", "first_offset"),
    )
    op.create_table(
        "gone",
        sa.Column("topic_id", sa.Text, primary_key=True, nullable=False),
        sa.Column("kafka_part", sa.Integer, primary_key=True, nullable=False),
        sa.Column("first_offset", sa.BigInteger, primary_key=True, nullable=False),
        *_bigs("last_offset"),
        *_texts("why"),
        *_bigs("at_ms"),
    )


def _make_moving() -> None:
    op.create_table(
        "holds",
        sa.Column("person", sa.Text, primary_key=True, nullable=False),
        *_texts("ticket"),
        *_bigs("since_ms"),
    )
    op.create_table(
        "moves",
        sa.Column("move", sa.Text, primary_key=True, nullable=False),
        *_texts("kind", "state", "target", "tier", "person", "day", "class"),
        *_bigs("created_ms", "changed_ms"),
    )
    op.create_table(
        "move_runs",
        sa.Column("move", sa.Text, sa.ForeignKey("moves.move"), primary_key=True, nullable=False),
        sa.Column("position", sa.BigInteger, primary_key=True, nullable=False),
        *_texts("run"),
        sa.UniqueConstraint("run"),
    )


def _fill() -> None:
    op.execute(
        "INSERT INTO objects (object, tier, records, bytes, sha256, person, day, class, created_ms)"
        " SELECT object, tier, records, bytes, sha256, '', '', '', created_ms FROM old_objects"
    )
    op.execute(
        f"INSERT INTO runs ({_RUN_COLUMNS}, superseded_ms)"  # noqa: S608
        f" SELECT {_RUN_COLUMNS}, 0 FROM old_runs"
    )
    # "topic=<topic>/topicid=...": what stands before the first slash, less six letters.
    find = "instr" if op.get_bind().dialect.name == "sqlite" else "strpos"
    topic = f"substr(object, 7, {find}(object, '/') - 7)"
    op.execute(
        "INSERT INTO links (object, topic, topic_id, kafka_part, first_offset, last_offset,"  # noqa: S608
        " records, set_aside, bytes, sha256, created_ms)"
        f" SELECT object, {topic}, topic_id, kafka_part, first_offset, last_offset, records, '',"
        " bytes, sha256, created_ms FROM old_objects"
    )


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _bigs(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger, nullable=False) for name in names]


def _smalls(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.Integer, nullable=False) for name in names]
