"""The index of stored parts: the tables the sink writes and the authority reads.

Plain SQL that SQLite and PostgreSQL both take. ``objects`` has a row an object, ``runs`` a row per
run of consecutive records of one segment (or one mark) in one object: ``byte_from``/``byte_len``
cut exactly those ``StoredPart`` datums out of the object, each self-delimiting, so the authority
can stream granted bytes and no others. Ids of devices and boots are hex. Content is identified by
(device, boot, stream, batch): the same batch may stand in two runs (a replay), with the same or
with another raw hash (a clone: readers take neither).

A run becomes visible with its object's row, in one transaction.
"""

VERSION = 1

DDL: tuple[str, ...] = (
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
)

# kind: part, tombstone, boot_end, notice. For boot_end and notice activity, stream, segment,
# first_batch and last_batch are -1; for a notice person, device and boot are empty.
# run: "<sha256 of the object name, 16 hex>-<byte_from>": the same wherever the row is made again.
# seen: rises with every insert in one index (a cursor for readers that poll), never reused.
