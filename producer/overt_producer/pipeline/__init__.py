"""From what sources saw to batches ready for their seal; pure."""

from overt_producer.pipeline.admit import allows
from overt_producer.pipeline.step import purge, step
from overt_producer.pipeline.values import (
    LEASE_OVER,
    STOPPED,
    UNSEEN,
    Batch,
    Closed,
    Gate,
    Inputs,
    Now,
    Permit,
    State,
)

__all__ = [
    "LEASE_OVER",
    "STOPPED",
    "UNSEEN",
    "Batch",
    "Closed",
    "Gate",
    "Inputs",
    "Now",
    "Permit",
    "State",
    "allows",
    "purge",
    "step",
]
