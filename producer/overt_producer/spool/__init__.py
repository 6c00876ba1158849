"""What the endpoint has promised to deliver, sealed, on disk."""

from overt_producer.spool.reader import Outgoing, Row
from overt_producer.spool.store import Spool

__all__ = ["Outgoing", "Row", "Spool"]
