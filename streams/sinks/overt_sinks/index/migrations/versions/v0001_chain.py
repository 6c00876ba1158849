"""The first shape: a row an object of the chain, and its runs."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "objects",
        sa.Column("object", sa.Text, primary_key=True, nullable=False),
        *_texts("tier", "topic_id"),
        *_smalls("kafka_part"),
        *_bigs("first_offset", "last_offset", "records", "bytes"),
        *_texts("sha256"),
        *_bigs("created_ms"),
        sa.UniqueConstraint("topic_id", "kafka_part", "first_offset"),
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
    )
    op.create_index("runs_by_person", "runs", ["person", "seen"])
    op.create_index("runs_by_content", "runs", ["device", "boot", "stream", "first_batch"])
    op.create_table(
        "sink_cursor",
        sa.Column("name", sa.Text, primary_key=True, nullable=False),
        *_bigs("value"),
    )
    op.execute("INSERT INTO sink_cursor (name, value) VALUES ('seen', 0)")


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _bigs(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger, nullable=False) for name in names]


def _smalls(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.Integer, nullable=False) for name in names]
