"""From the spool to the broker, in order, and trimmed only up to what is proved delivered."""

from overt_producer.publish.delivery import Ledger
from overt_producer.publish.publisher import Publisher

__all__ = ["Ledger", "Publisher"]
