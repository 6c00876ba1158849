"""An index as the code before migrations made it: its statements, word for word, and rows."""

import sqlalchemy as sa

from overt_sinks.container import Object
from overt_sinks.index import run_row

V1 = (
    """CREATE TABLE IF NOT EXISTS objects (
        object        TEXT NOT NULL PRIMARY KEY,
        tier          TEXT NOT NULL,
        topic_id      TEXT NOT NULL,
        kafka_part    INTEGER NOT NULL,
        first_offset  BIGINT NOT NULL,
        last_offset   BIGINT NOT NULL,
        records       BIGINT NOT NULL,
        bytes         BIGINT NOT NULL,
        sha256        TEXT NOT NULL,
        created_ms    BIGINT NOT NULL,
        UNIQUE (topic_id, kafka_part, first_offset))""",
    """CREATE TABLE IF NOT EXISTS runs (
        run           TEXT NOT NULL PRIMARY KEY,
        object        TEXT NOT NULL REFERENCES objects (object),
        byte_from     BIGINT NOT NULL,
        byte_len      BIGINT NOT NULL,
        records       BIGINT NOT NULL,
        kind          TEXT NOT NULL,
        person        TEXT NOT NULL,
        device        TEXT NOT NULL,
        boot          TEXT NOT NULL,
        activity      INTEGER NOT NULL,
        stream        INTEGER NOT NULL,
        segment       BIGINT NOT NULL,
        first_batch   BIGINT NOT NULL,
        last_batch    BIGINT NOT NULL,
        day           TEXT NOT NULL,
        seen          BIGINT NOT NULL)""",
    "CREATE INDEX IF NOT EXISTS runs_by_person ON runs (person, seen)",
    "CREATE INDEX IF NOT EXISTS runs_by_content ON runs (device, boot, stream, first_batch)",
    "CREATE TABLE IF NOT EXISTS sink_cursor"
    " (name TEXT NOT NULL PRIMARY KEY, value BIGINT NOT NULL)",
    "INSERT INTO sink_cursor (name, value) VALUES ('seen', 0) ON CONFLICT DO NOTHING",
)


def make(url: str, objects: list[Object]) -> None:
    """Make the old index and insert objects, as it was done then."""
    engine = sa.create_engine(url)
    with engine.begin() as db:
        for statement in V1:
            db.execute(sa.text(statement))
        seen = 0
        for stored in objects:
            db.execute(sa.text(
                "INSERT INTO objects VALUES (:object, 'hot', :topic_id, :part, :first, :last,"
                " :records, :bytes, :sha256, 1000)"
            ), {
                "object": stored.name, "topic_id": stored.partition.topic_id,
                "part": stored.partition.number, "first": stored.first, "last": stored.last,
                "records": stored.records, "bytes": stored.size, "sha256": stored.sha256,
            })  # fmt: skip
            for run in stored.runs:
                seen += 1
                row = dict(run_row(stored.name, run, seen))
                del row["superseded_ms"]
                names = ", ".join(row)
                values = ", ".join(f":{name}" for name in row)
                db.execute(sa.text(f"INSERT INTO runs ({names}) VALUES ({values})"), row)  # noqa: S608
        db.execute(sa.text("UPDATE sink_cursor SET value = :n"), {"n": seen})
    engine.dispose()
