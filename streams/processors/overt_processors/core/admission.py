"""May this device seal this, for this person, at that time?

The registry answers for *event time*, not for the moment of processing: a batch that waited in a
spool for a day is judged by what held when it was captured. Unknown means forbidden; erased is not
forbidden but gone, and leaves nothing behind but a count.
"""

from dataclasses import dataclass

from overt_processors.core.activity import Span
from overt_processors.core.outcome import Erased, Unknown
from overt_processors.core.registry import Lease, Pause, Registries
from overt_schemas.envelope.header import ClearHeader
from overt_schemas.errors import Refused
from overt_schemas.ids import week_of
from overt_schemas.records import (
    ConsentSpan,
    Device,
    PauseSpan,
    PeriodHeader,
    Person,
    PersonKey,
    SealSpan,
)

ACTIVE = "active"
DEVICE_ERASED = "erased"
PERSON_GONE = frozenset({"erasing", "erased"})
SLACK_MS = 10_000  # architecture §4: what clocks and the way of a beacon may differ


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """What sealing needs to know of a batch that may be."""

    person: Person
    consent: ConsentSpan
    key: PersonKey
    first_ms: int


def device_of(registries: Registries, device: bytes) -> Device:
    """Return the device, if it may still speak."""
    known = registries.devices.get(device)
    if known is None:
        raise Unknown("device is not in the registry", reason="unknown_device")
    if known.state == DEVICE_ERASED:
        raise Erased("device was erased", reason="erased")
    if known.state != ACTIVE:
        raise Refused("device is not active", reason="device_revoked")
    return known


def person_of(registries: Registries, pseudonym: str) -> Person:
    """Return the person, if there is still anybody to keep something for."""
    person = registries.persons.get(pseudonym)
    if person is None:
        raise Unknown("person is not in the registry", reason="unknown_person")
    if person.state in PERSON_GONE:
        raise Erased("person was erased", reason="erased")
    if person.state != ACTIVE:
        raise Refused("person is not active", reason="person_state")
    return person


def seals_for(device: Device, pseudonym: str) -> None:
    """Return nothing when the device ever sealed for that person (marks have no event time)."""
    if not any(span.person == pseudonym for span in device.spans):
        raise Refused("device never sealed for that person", reason="wrong_person")


def admit(
    registries: Registries, device: Device, head: ClearHeader, period: PeriodHeader,
    span: Span | None,
) -> Admitted:  # fmt: skip
    """Return what may be sealed for whom.

    Raises:
        Unknown, Erased, Refused
    """
    person = person_of(registries, period.person)
    lease = registries.beacons.leases.get(head.beacon)
    if lease is None:
        raise Unknown("beacon is not known", reason="unknown_beacon")
    first_ms, last_ms = _times(span, period, lease)
    if not any(_holds(s, first_ms, last_ms) and s.person == period.person for s in device.spans):
        raise Refused("device did not seal for that person then", reason="wrong_person")
    consent = _consent(person, device, period, first_ms, last_ms)
    _policy(registries, device, period, lease)
    if first_ms < lease.issued_ms - SLACK_MS or last_ms > lease.valid_until_ms + SLACK_MS:
        raise Refused("captured outside the beacon it names", reason="outside_lease")
    pauses: tuple[Pause | PauseSpan, ...] = (
        *registries.beacons.pauses.get(device.group, ()),
        *device.pauses,
    )
    if any(_forbids(pause, first_ms, last_ms, lease) for pause in pauses):
        raise Refused("captured after a pause", reason="after_pause")
    return Admitted(person=person, consent=consent, key=_key(person, first_ms), first_ms=first_ms)


def _times(span: Span | None, period: PeriodHeader, lease: Lease) -> tuple[int, int]:
    """Return first and last millisecond; of an empty frame batch the earliest it can be from."""
    if span is not None:
        return span.first_us // 1000, span.last_us // 1000
    at = max(period.started_us // 1000, lease.issued_ms)
    return at, at


def _holds(span: SealSpan | ConsentSpan, first_ms: int, last_ms: int) -> bool:
    return span.from_ms <= first_ms and (span.to_ms == 0 or last_ms < span.to_ms)


def _consent(
    person: Person, device: Device, period: PeriodHeader, first_ms: int, last_ms: int
) -> ConsentSpan:
    named = [c for c in person.consents if c.consent == period.consent]
    if not named:
        raise Unknown("consent is not registered", reason="unknown_consent")
    for consent in named:
        same = consent.device == device.device and consent.policy == period.policy
        if same and _holds(consent, first_ms, last_ms):
            return consent
    raise Refused("no consent covers it", reason="no_consent")


def _policy(registries: Registries, device: Device, period: PeriodHeader, lease: Lease) -> None:
    policy = registries.policies.get(period.policy)
    if policy is None:
        raise Unknown("policy is not known", reason="unknown_policy")
    in_force = lease.policies.get(device.group)
    if policy.group != device.group or in_force is None:
        raise Refused("policy of another group", reason="policy")
    # A second that began under one beacon may be sealed under the policy the next one brought.
    following = registries.beacons.leases.get(lease.number + 1)
    allowed = {in_force, following.policies.get(device.group) if following else None}
    if period.policy not in allowed:
        raise Refused("policy was not in force under that beacon", reason="policy")


def _forbids(pause: Pause | PauseSpan, first_ms: int, last_ms: int, lease: Lease) -> bool:
    """Return whether any moment lies in a pause, ten seconds after its start on.

    The end is as sharp as the start is blunt: only who names a beacon from after the pause gets
    the ten seconds by which its clock may be behind.
    """
    if last_ms <= pause.from_ms + SLACK_MS:
        return False
    if pause.to_ms == 0:
        return True
    early = SLACK_MS if lease.issued_ms >= pause.to_ms else 0
    return first_ms < pause.to_ms - early


def _key(person: Person, at_ms: int) -> PersonKey:
    week = week_of(at_ms)
    for key in person.keys:
        if key.week == week:
            return key
    raise Unknown("person has no key for that week", reason="unknown_person_key")
