"""What a receipt changes. Pure.

``agreed`` opens a span, ``refused`` opens none, ``withdrawn`` closes every open span of its device.
A receipt is taken once; an agreement whose withdrawal is known stays without effect, in whatever
order the two arrive.
"""

from dataclasses import dataclass, replace

from overt_authority.devices.rules import ACTIVE, holder, seals_for
from overt_authority.people.rules import may_use
from overt_schemas.errors import Refused
from overt_schemas.records import Consent, ConsentSpan, Device, Person, Policy

AGREED = "agreed"
REFUSED = "refused"
WITHDRAWN = "withdrawn"
SIMULATED = "simulated"
METHODS = ("x11", "terminal", SIMULATED)
_SKEW_MS = 600_000  # a laptop's clock may be wrong by minutes; a consent from tomorrow is none


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the registries say about a receipt."""

    device: Device
    person: Person | None
    policy: Policy | None
    is_withdrawn: bool = False


def check(receipt: Consent, known: Known, now_ms: int) -> None:
    """Return if the receipt counts.

    Raises:
        Refused: it does not, with the reason's code.
    """
    _require(receipt.decision in (AGREED, REFUSED, WITHDRAWN), "decision")
    _require(seals_for(known.device, receipt.person), "person")
    _require(receipt.decided_ms <= now_ms + _SKEW_MS, "time")
    if receipt.decision != AGREED:
        return  # to stop, nothing more is asked
    policy = known.policy
    _require(known.device.state == ACTIVE, "device")
    _require(holder(known.device, now_ms) == receipt.person, "person")
    _require(may_use(known.person), "person")
    _require(receipt.shown_ms <= receipt.decided_ms, "time")
    _require(policy is not None and policy.group == known.device.group, "policy")
    _require(receipt.method in METHODS, "method")
    _require(bool(receipt.purposes), "purposes")
    if policy is not None:
        _require(set(receipt.purposes) <= set(policy.purposes), "purposes")
        # A simulated person agrees by program; a program never agrees for a real one.
        _require(receipt.method != SIMULATED or policy.synthetic, "method")


def spans_after(
    receipt: Consent, known: Known, spans: tuple[ConsentSpan, ...]
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
        replace(span, to_ms=max(receipt.decided_ms, span.from_ms))
        for span in spans
        if span.device == receipt.device and span.to_ms == 0
    )


def covers(span: ConsentSpan, purpose: str) -> bool:
    """Return whether a span lets data be used for a purpose *now*: agreed to, not withdrawn."""
    return purpose in span.purposes and span.to_ms == 0


def _require(holds: bool, reason: str) -> None:
    if not holds:
        raise Refused(f"a consent receipt does not count: {reason}", reason=reason)
