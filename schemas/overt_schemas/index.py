"""The index of stored parts: the two tables that the sinks write and the authority reads.

Plain SQL that SQLite and PostgreSQL both take. ``objects`` has a row an object that stands in a
tier, ``runs`` a row per run of consecutive records of one segment (or one mark) in one object:
``byte_from``/``byte_len`` cut exactly those ``StoredPart`` datums out of the object, each
self-delimiting, so the authority can stream granted bytes and no others. Ids of devices and boots
are hex. Content is identified by (device, boot, stream, batch): the same batch may stand in two
runs (a replay), with the same or with another raw hash (a clone: readers take neither).

A run becomes visible with its object's row, in one transaction. When records are moved into another
object, runs of the new place appear and those of the old one are *superseded* in one transaction:
superseded runs are listed no more, and stay readable by name until their object is deleted, so that
whoever listed them can finish reading. A run that takes the place of others has the highest
``seen`` of theirs: a reader that polls never misses a record by a move, and sees none come back.

The tables are made and migrated by the sinks (``overt-sink index upgrade``); this DDL is the shape
that the newest migration leaves, which a test holds.
"""

VERSION = 2

DDL: tuple[str, ...] = (
    """CREATE TABLE IF NOT EXISTS objects (
        object        TEXT NOT NULL PRIMARY KEY,
        tier          TEXT NOT NULL,
        records       BIGINT NOT NULL,
        bytes         BIGINT NOT NULL,
        sha256        TEXT NOT NULL,
        person        TEXT NOT NULL,
        day           TEXT NOT NULL,
        class         TEXT NOT NULL,
        created_ms    BIGINT NOT NULL)""",
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
        seen          BIGINT NOT NULL,
        superseded_ms BIGINT NOT NULL DEFAULT 0)""",
    "CREATE INDEX IF NOT EXISTS runs_by_person ON runs (person, seen)",
    "CREATE INDEX IF NOT EXISTS runs_by_seen ON runs (seen)",
    "CREATE INDEX IF NOT EXISTS runs_by_object ON runs (object, byte_from)",
    "CREATE INDEX IF NOT EXISTS runs_by_content ON runs (device, boot, stream, first_batch)",
)

# tier: hot, warm, cold: which bucket the object stands in. person, day and class (input, frame,
# mark) are empty for an object of the hot tier, which holds many people's records.
# kind: part, tombstone, withheld, boot_end, notice. For boot_end and notice activity, stream,
# segment, first_batch and last_batch are -1; for a notice person, device and boot are empty.
# run: "<sha256 of the object name, 16 hex>-<byte_from>": the same wherever the row is made again.
# seen: unique among runs that are not superseded, and given out rising: a cursor for readers.
# superseded_ms: 0, or since when the run's records stand elsewhere.
