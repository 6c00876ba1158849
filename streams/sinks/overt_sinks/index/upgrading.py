"""Brings an index to the newest migration. SHELL, alembic.

``HEAD`` is the newest migration of this code. A sink asks at each start, so an index that is there
costs one query and alembic is not even imported. All steps are one transaction, on SQLite too: a
crash leaves the index as it was, and of two that start at once the second finds it done.

An index made before there were migrations has no ``alembic_version``: its tables tell which it is.
"""

from pathlib import Path

import sqlalchemy as sa

from overt_schemas.errors import Permanent, Refused
from overt_sinks.index.engine import Engine, lock

HEAD = "0002"
EMPTY = ""
# A reader at work (verify) may hold a table for minutes; behind an upgrade that waits for it, every
# sink would wait too. Rather it is tried again.
_LOCK_MS = 10_000
_MIGRATIONS = Path(__file__).parent / "migrations"
_VERSION = sa.text("SELECT version_num FROM alembic_version")


def upgrade(engine: Engine) -> tuple[str, str]:
    """Return the migration the index stood at, empty for none, and the one it stands at now.

    Raises:
        Transient: the index is busy or away; nothing was changed.
        Refused: this identity may not change tables.
        Permanent: a newer overt-sink made it.
    """
    with engine.transaction() as db:
        at, is_stamped = _standing(db)
    if at == HEAD and is_stamped:
        return at, at
    with engine.transaction(writes=True) as db:
        lock(db, "upgrade")
        at, is_stamped = _standing(db)
        if at != HEAD or not is_stamped:
            if db.dialect.name == "postgresql":
                db.execute(sa.text(f"SET LOCAL lock_timeout = {_LOCK_MS}"))
            _run(db, at if not is_stamped else EMPTY)
    return at, HEAD


def require(engine: Engine) -> None:
    """Return nothing where the index stands at the newest migration; change nothing.

    Raises:
        Refused: there is none.
        Permanent: it is of another overt-sink.
    """
    with engine.transaction() as db:
        at, _ = _standing(db)
    if at == EMPTY:
        raise missing()
    if at != HEAD:
        raise Permanent(
            "the index is of an older overt-sink: run overt-sink index upgrade",
            reason="index_older",
        )


def missing() -> Refused:
    """Return what is said of an index that is not there."""
    return Refused(
        "there is no index at index.url: check it (overt-sink index upgrade makes an empty one)",
        reason="settings",
    )


def _standing(db: sa.Connection) -> tuple[str, bool]:
    """Return which migration the tables are of, and whether alembic knows."""
    tables = sa.inspect(db)
    if tables.has_table("alembic_version"):
        at = db.execute(_VERSION).scalar()
        if at is not None:
            if at > HEAD:
                raise Permanent(
                    "the index is of a newer overt-sink: upgrade this one", reason="index_newer"
                )
            return at, True
    if tables.has_table("links"):
        return "0002", False
    if tables.has_table("objects"):
        return "0001", False
    return EMPTY, False


def _run(db: sa.Connection, stamp: str) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = db
    if stamp:
        command.stamp(config, stamp)
    command.upgrade(config, "head")
