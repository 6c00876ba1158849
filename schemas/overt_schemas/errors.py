"""Two kinds of failure: try again, or set aside.

Adapters translate foreign errors at their border (``raise Transient(...) from exc``). A message
names the thing, the *kind* of value that was wrong and the next step; it never holds captured
content, a key, or the name of a person.
"""


class OvertError(Exception):
    """Base of every error that overt raises on purpose.

    Attributes:
        reason: a short code from a bounded list, fit for a metric label or a dead letter.
    """

    def __init__(self, message: str, *, reason: str = "error") -> None:
        super().__init__(message)
        self.reason = reason


class Transient(OvertError):
    """The same call may succeed later: retry with jitter, bounded."""


class Permanent(OvertError):
    """Retrying cannot help: dead letter, quarantine, or a message to a person."""


class Malformed(Permanent):
    """Bytes that are not what their framing or schema says."""

    def __init__(self, message: str, *, reason: str = "malformed") -> None:
        super().__init__(message, reason=reason)


class Untrusted(Permanent):
    """A signature, tag, hash or certificate that does not verify."""

    def __init__(self, message: str, *, reason: str = "untrusted") -> None:
        super().__init__(message, reason=reason)


class Refused(Permanent):
    """Understood and not allowed: lease, consent, policy, grant, access."""

    def __init__(self, message: str, *, reason: str = "refused") -> None:
        super().__init__(message, reason=reason)


# One table for every command of the product (style.md).
EXIT_OK = 0
EXIT_FAILURE = 1
EXIT_USAGE = 2
EXIT_FINDING = 3
EXIT_NOT_AUTHORISED = 4
EXIT_PARTIAL = 5
EXIT_TIMED_OUT = 6
EXIT_INTERRUPTED = 130
