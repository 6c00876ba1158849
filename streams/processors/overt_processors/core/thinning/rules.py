"""What a policy lets a processor leave out of a batch: one door for both streams.

A batch with violations marked on it stays whole: what is odd is evidence.
"""

from overt_processors.core.activity import Reading
from overt_processors.core.thinning import frames, moves
from overt_schemas.records import FrameBatch, InputBatch, Policy


def thin(
    batch: InputBatch | FrameBatch, reading: Reading, policy: Policy
) -> InputBatch | FrameBatch:
    """Return what stays of a batch; the same object when all of it does.

    Never leaves out an action or a gap, and counts what it leaves out in gaps of its own.
    """
    if reading.flags:
        return batch
    match batch:
        case InputBatch():
            return moves.thin(batch, policy.move_tolerance_px, reading.events, reading.seqs)
        case FrameBatch():
            return frames.thin(batch, policy)
