"""What a grant gives, and what not. Pure.

Every condition has its code; the first that fails decides, and no failing condition is skipped
because another one holds. ``Asked`` is the question in the terms of one segment or one stored run.
"""

from collections.abc import Callable
from dataclasses import dataclass

from overt_authority.consent.rules import covers
from overt_authority.people.rules import may_use
from overt_schemas import api
from overt_schemas.errors import Malformed, Refused
from overt_schemas.ids import Stream
from overt_schemas.records import Grant, Person

REQUESTED = "requested"
ACTIVE = "active"
ENDED = "ended"
APPROVERS = 2
MAX_LIFE_MS = 31 * 24 * 3_600_000  # a right that nobody renews ends within a month
_MAX_COHORT = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A grant and who asked for it."""

    grant: Grant
    requester: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """What is asked for: the claims of a segment header. Runs have no consent of their own."""

    person: str
    device: bytes
    stream: int
    policy: str | None = None
    consent: str | None = None
    purposes: tuple[str, ...] | None = None


def check_grant(held: Held | None, subscriber: str, now_ms: int) -> Grant:
    """Return the grant, if it is that subscriber's and in force.

    Raises:
        Refused: it is not, with its code.
    """
    if held is None:
        raise Refused("no such grant", reason=api.NO_GRANT)
    grant = held.grant
    if grant.subscriber != subscriber:
        raise Refused("the grant is another subscriber's", reason=api.NOT_YOURS)
    others = set(grant.approvers) - {held.requester, grant.subscriber}
    if grant.state == REQUESTED or len(others) < APPROVERS:
        raise Refused("two approvers who did not request it are needed", reason=api.NOT_APPROVED)
    if grant.state != ACTIVE or not grant.not_before_ms <= now_ms < grant.not_after_ms:
        raise Refused("the grant is not in force now", reason=api.EXPIRED)
    return grant


def check_purpose(grant: Grant, purpose: str) -> None:
    """Return if the call names the purpose of its grant."""
    if purpose != grant.purpose:
        raise Refused("the grant is for another purpose", reason=api.PURPOSE)


def refusal(grant: Grant, asked: Segment, person: Person | None) -> str | None:
    """Return why a grant in force does not cover what is asked for, or None if it does."""
    checks: tuple[tuple[str, Callable[[], bool]], ...] = (
        (api.OUT_OF_COHORT, lambda: asked.person in grant.cohort),
        (api.OUT_OF_SCOPE, lambda: asked.stream in grant.streams),
        (api.PURPOSE, lambda: asked.purposes is None or grant.purpose in asked.purposes),
        (api.ERASED, lambda: may_use(person)),
        (api.NO_CONSENT, lambda: _has_consent(grant.purpose, asked, person)),
    )
    return next((code for code, holds in checks if not holds()), None)


def _has_consent(purpose: str, asked: Segment, person: Person | None) -> bool:
    if person is None:
        return False
    return any(
        span.device == asked.device
        and asked.consent in (None, span.consent)
        and asked.policy in (None, span.policy)
        and covers(span, purpose)
        for span in person.consents
    )


def check_request(grant: Grant) -> None:
    """Return if a grant may be asked for at all.

    Raises:
        Malformed: a field is empty or out of bounds.
    """
    if not grant.subscriber or not grant.purpose:
        raise Malformed("a grant names a subscriber and a purpose", reason="grant")
    if not 0 < len(grant.cohort) <= _MAX_COHORT:
        raise Malformed("a cohort has 1 to 10,000 people", reason="grant")
    if not grant.streams or not set(grant.streams) <= set(Stream):
        raise Malformed("streams are 0 (input) and 1 (frame)", reason="grant")
    if not 0 < grant.not_after_ms - grant.not_before_ms <= MAX_LIFE_MS:
        raise Malformed("a grant lives at most 31 days", reason="grant")


def approve(held: Held, operator: str) -> tuple[tuple[str, ...], str]:
    """Return approvers and state after one more approval; repeats change nothing.

    Raises:
        Refused: who asked for a grant, or reads under it, does not approve it; nobody approves an
            ended one.
    """
    if operator in (held.requester, held.grant.subscriber):
        raise Refused("who requests or uses a grant does not approve it", reason=api.WRONG_IDENTITY)
    if held.grant.state == ENDED:
        raise Refused("the grant has ended", reason=api.EXPIRED)
    approvers = held.grant.approvers
    if operator not in approvers:
        approvers = (*approvers, operator)
    return approvers, ACTIVE if len(approvers) >= APPROVERS else REQUESTED
