"""Readers of overt: one iterator over what a grant covers."""

from overt_subscriber.authority import Authority
from overt_subscriber.bulk import Bulk
from overt_subscriber.live import Feed, Live
from overt_subscriber.report import Report
from overt_subscriber.settings import Settings, load
from overt_subscriber.stored import Stored
from overt_subscriber.subscription import Subscription
from overt_subscriber.values import Event, Frame, Gap, InputBlock, Item, Rejected, Session

__all__ = [
    "Authority",
    "Bulk",
    "Event",
    "Feed",
    "Frame",
    "Gap",
    "InputBlock",
    "Item",
    "Live",
    "Rejected",
    "Report",
    "Session",
    "Settings",
    "Stored",
    "Subscription",
    "load",
]
