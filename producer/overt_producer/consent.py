"""The person's will, as a pure state machine. It beats everything a server says.

Consent is a receipt for one policy, given by an act of the person; another policy needs another
one. Pause, withdrawal and opt-out are local: they need no network, no administrator, no reason, and
hold from the next tick. Opt-out also survives restarts, new policies and new enrolments, and only
the person's own new consent ends it.
"""

from dataclasses import dataclass, replace

from overt_producer.pipeline.values import Closed
from overt_schemas.records import Consent

AGREED, REFUSED, WITHDRAWN = "agreed", "refused", "withdrawn"
SIMULATED = "simulated"

PAUSED_HERE = Closed(reason="pause", ended="pause")
NO_CONSENT = Closed(reason="policy", ended="consent")


@dataclass(frozen=True, slots=True, kw_only=True)
class Will:
    """What the person wants; kept on disk by the caller.

    Attributes:
        receipt: the last decision, None before the first.
        standing: earlier agreements that were not taken back. What was captured under them may
            still be read, also after the person refused a newer policy.
        owed: withdrawals of those that the authority has not been told of yet.
        is_opted_out: nothing is captured, whatever else holds.
        is_paused: nothing is captured until the person resumes.
    """

    receipt: Consent | None = None
    standing: tuple[Consent, ...] = ()
    owed: tuple[Consent, ...] = ()
    is_opted_out: bool = False
    is_paused: bool = False

    @property
    def state(self) -> str:
        """One word for a status line."""
        if self.is_opted_out:
            return "opted_out"
        return self.receipt.decision if self.receipt else "none"


def decided(will: Will, receipt: Consent) -> Will:
    """Return the will after an answer to the prompt; agreeing ends an earlier opt-out."""
    before, standing = will.receipt, will.standing
    if before is not None and before.decision == AGREED and before.consent != receipt.consent:
        standing = (*standing, before)
    is_opted_out = will.is_opted_out and receipt.decision != AGREED
    return replace(will, receipt=receipt, standing=standing, is_opted_out=is_opted_out)


def paused(will: Will) -> Will:
    """Return the will after a local pause."""
    return replace(will, is_paused=True)


def resumed(will: Will) -> Will:
    """Return the will after a local resume."""
    return replace(will, is_paused=False)


def opted_out(will: Will, now_ms: int) -> Will:
    """Return the will after an opt-out: what had been agreed to is withdrawn."""
    return replace(withdrawn(will, now_ms), is_opted_out=True)


def withdrawn(will: Will, now_ms: int) -> Will:
    """Return the will after consent was taken back: all that was ever agreed to here."""
    receipt = will.receipt
    if receipt is not None and receipt.decision == AGREED:
        receipt = _taken_back(receipt, now_ms)
    owed = tuple(_taken_back(earlier, now_ms) for earlier in will.standing)
    return replace(will, receipt=receipt, standing=(), owed=(*will.owed, *owed))


def told(will: Will) -> Will:
    """Return the will once all that was owed to the authority lies in the spool."""
    return replace(will, owed=())


def _taken_back(receipt: Consent, now_ms: int) -> Consent:
    return replace(receipt, decision=WITHDRAWN, decided_ms=now_ms)


def covers(will: Will, policy: str) -> str | Closed:
    """Return the id of the consent that covers a policy, or why nothing may be captured."""
    receipt = will.receipt
    if will.is_opted_out or receipt is None or receipt.decision != AGREED:
        return NO_CONSENT
    if not policy or receipt.policy != policy:
        return NO_CONSENT
    if will.is_paused:
        return PAUSED_HERE
    return receipt.consent


def needs_prompt(will: Will, policy: str) -> bool:
    """Return whether the person has yet to be asked about a policy; a refusal is an answer."""
    if will.is_opted_out or not policy:
        return False
    return will.receipt is None or will.receipt.policy != policy


def may_answer_for_nobody(receipt: Consent, is_synthetic: bool) -> bool:
    """Return whether a receipt's method fits the policy: simulated persons, and only they."""
    return (receipt.method == SIMULATED) == is_synthetic
