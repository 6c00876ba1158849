"""Asks the server whether a RECORD context records.

python-xlib 0.33 cannot parse the reply to RecordGetContext (it drops the *enabled* byte and fails
on the ranges), so the request is stated here once more, up to the part we read.
"""

from typing import Any

from Xlib.ext import record
from Xlib.protocol import rq


class _GetContext(rq.ReplyRequest):
    _request = rq.Struct(rq.Card8("opcode"), rq.Opcode(4), rq.RequestLength(), rq.Card32("context"))
    _reply = rq.Struct(
        rq.ReplyCode(),
        rq.Card8("enabled"),
        rq.Card16("sequence_number"),
        rq.ReplyLength(),
        rq.Card8("element_header"),
        rq.Pad(3),
        rq.Card32("clients"),
        rq.Pad(16),
    )


def is_recording(connection: Any, context: int) -> bool:
    """Whether a context is enabled. Raises ``Xlib.error.XError`` if there is no such context."""
    reply = _GetContext(
        display=connection.display,
        opcode=connection.display.get_extension_major(record.extname),
        context=context,
    )
    return bool(reply.enabled)
