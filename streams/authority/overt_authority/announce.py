"""A registry or control record, signed by the authority and promised to its topic."""

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from overt_authority import outbox
from overt_schemas import codec
from overt_schemas.signing import SigningKey


class Announcer:
    """Signs with whatever key is in force."""

    def __init__(self, signer: Callable[[], SigningKey]) -> None:
        self._signer = signer

    def promise(self, db: sa.Connection, topic: str, key: bytes, record: Any) -> bytes:
        """Put the signed record into the outbox of the caller's transaction; return it framed."""
        framed = codec.encode(self._signer().sign_record(record))
        outbox.put(db, topic, key, framed)
        return framed
