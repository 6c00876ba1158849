"""What a receipt changes. Pure.

``agreed`` opens a span, ``refused`` opens none, ``withdrawn`` closes every open span of its device.
A receipt is taken once; an agreement whose withdrawal is known stays without effect, in whatever
order the two arrive. Time decides about agreements only: a laptop whose clock is wrong still stops.
"""

import re
from dataclasses import dataclass, replace

from overt_authority.devices.rules import ACTIVE, holder, seals_for
from overt_authority.people.rules import may_use
from overt_schemas.errors import Malformed, Refused
from overt_schemas.records import Consent, ConsentSpan, Device, Person, Policy

AGREED = "agreed"
REFUSED = "refused"
WITHDRAWN = "withdrawn"
SIMULATED = "simulated"
METHODS = ("x11", "terminal", SIMULATED)
MAX_BYTES = 16_384  # of a signed receipt: everything in it is stored, some of it is published
MAX_SPANS = (
    2_000  # of a person: their record has to fit a Kafka message, or nothing goes out any more
)
_DECISIONS = (AGREED, REFUSED, WITHDRAWN)
_CONSENT = re.compile(r"c-[0-9a-f]{16}")
_HASH = re.compile(r"[0-9a-f]{64}")
_SKEW_MS = 600_000  # a laptop's clock may be wrong by minutes; a consent from tomorrow is none


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the registries say about a receipt."""

    device: Device
    person: Person | None
    policy: Policy | None
    is_withdrawn: bool = False


def check_form(receipt: Consent) -> None:
    """Return if what is kept, published and logged of a receipt has its form.

    Raises:
        Malformed: it has not, whatever the receipt decides.
    """
    good = (
        receipt.decision in _DECISIONS
        and _CONSENT.fullmatch(receipt.consent)
        and _HASH.fullmatch(receipt.policy)
        and _HASH.fullmatch(receipt.notice_hash)
    )
    if not good:
        raise Malformed("a consent receipt of another form", reason="receipt")


def check(receipt: Consent, known: Known, now_ms: int) -> None:
    """Return if the receipt counts.

    Raises:
        Refused: it does not, with the reason's code.
    """
    _require(receipt.decision in _DECISIONS, "decision")
    _require(seals_for(known.device, receipt.person), "person")
    if receipt.decision != AGREED:
        return  # to stop, nothing more is asked
    _require(0 < receipt.shown_ms <= receipt.decided_ms <= now_ms + _SKEW_MS, "time")
    policy = known.policy
    _require(known.device.state == ACTIVE, "device")
    _require(holder(known.device, now_ms) == receipt.person, "person")
    _require(may_use(known.person), "person")
    _require(known.person is None or len(known.person.consents) < MAX_SPANS, "too_many")
    _require(policy is not None and policy.group == known.device.group, "policy")
    _require(receipt.method in METHODS, "method")
    _require(bool(receipt.purposes), "purposes")
    if policy is not None:
        _require(set(receipt.purposes) <= set(policy.purposes), "purposes")
        # A simulated person agrees by program; a program never agrees for a real one.
        _require(receipt.method != SIMULATED or policy.synthetic, "method")


def spans_after(
    receipt: Consent, known: Known, spans: tuple[ConsentSpan, ...], now_ms: int
) -> tuple[ConsentSpan, ...]:
    """Return the spans that the receipt makes new or changes."""
    if receipt.decision == AGREED:
        if known.is_withdrawn or any(span.consent == receipt.consent for span in spans):
            return ()
        return (
            ConsentSpan(
                consent=receipt.consent, device=receipt.device, policy=receipt.policy,
                purposes=receipt.purposes, from_ms=receipt.decided_ms, to_ms=0,
            ),
        )  # fmt: skip
    if receipt.decision == REFUSED:
        return ()
    return tuple(
        replace(span, to_ms=max(withdrawn_ms(receipt, now_ms), span.from_ms))
        for span in spans
        if span.device == receipt.device and span.to_ms == 0
    )


def withdrawn_ms(receipt: Consent, taken_ms: int) -> int:
    """Return when a withdrawal took effect: never later than the authority knew of it."""
    return min(receipt.decided_ms, taken_ms)


def covers(span: ConsentSpan, purpose: str) -> bool:
    """Return whether a span lets data be used for a purpose *now*: agreed to, not withdrawn."""
    return purpose in span.purposes and span.to_ms == 0


def _require(holds: bool, reason: str) -> None:
    if not holds:
        raise Refused(f"a consent receipt does not count: {reason}", reason=reason)
