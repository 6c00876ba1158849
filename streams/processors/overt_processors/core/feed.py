"""Where a record of overt.part.v1 goes: the feeds of the grants that cover it now. Pure.

The rule is the authority's, condition by condition (a test holds both side by side): a feed never
carries what a release or a read would refuse. A record is judged by what its processor signed and
by what the registries say at this moment; nothing is remembered from one record to the next, so an
erased person or an ended grant is out with the very next record.

A record that no grant asks for costs one header: only what goes somewhere is verified.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from overt_processors.core.registry import Registries
from overt_schemas import codec, feed
from overt_schemas.envelope import marks, part
from overt_schemas.errors import Malformed
from overt_schemas.ids import SessionId, Stream
from overt_schemas.records import ConsentSpan, Grant, Marker, Part, Person
from overt_schemas.signing import PROCESSOR_SIGN, Keyring

ACTIVE = "active"
APPROVERS = 2
UNSURE = frozenset({"unknown_key", "key_expired"})  # a newer key set may know better
_NO_ACTIVITY = -1  # a mark names none: all marks of a boot have one key


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a record says it is about; None where it says nothing.

    ``person`` is None for a notice: holes have to be explained to everybody.
    """

    person: str | None
    processor: str
    device: bytes = b""
    key: bytes = b""
    stream: int | None = None
    policy: str | None = None
    consent: str | None = None
    purposes: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The grants by person: what a record is looked up in."""

    of: Mapping[str, Grant] = field(default_factory=dict)
    by_person: Mapping[str, tuple[Grant, ...]] = field(default_factory=dict)

    def follow(self, grants: Mapping[str, Grant]) -> "Table":
        """Return the table of these grants; the same one if they are the same object."""
        if grants is self.of:
            return self
        people: defaultdict[str, list[Grant]] = defaultdict(list)
        for grant in grants.values():
            if is_good(grant):
                for person in set(grant.cohort):
                    people[person].append(grant)
        return Table(of=grants, by_person={p: tuple(g) for p, g in people.items()})


def is_good(grant: Grant) -> bool:
    """Whether a grant gives anything at some time: two who do not read under it approved it.

    One whose id names no topic has no feed; it must not cost the others theirs.
    """
    approved = len(set(grant.approvers) - {grant.subscriber}) >= APPROVERS
    return grant.state == ACTIVE and approved and _has_feed(grant.grant)


def _has_feed(grant: str) -> bool:
    try:
        feed.topic_of(grant)
    except Malformed:
        return False
    return True


def is_in_force(grant: Grant, now_ms: int) -> bool:
    """Whether a grant gives anything now."""
    return is_good(grant) and grant.not_before_ms <= now_ms < grant.not_after_ms


def covers(grant: Grant, about: About, person: Person | None, now_ms: int) -> bool:
    """Whether a grant lets its subscriber read what a record is about, now."""
    if not is_in_force(grant, now_ms):
        return False
    if about.person is None:
        return True
    return (
        about.person in grant.cohort
        and (about.stream is None or about.stream in grant.streams)
        and (about.purposes is None or grant.purpose in about.purposes)
        and person is not None
        and person.state == ACTIVE
        and any(_agreed(span, about, grant.purpose) for span in person.consents)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Routed:
    """The grants whose feeds a record goes to, and its key there."""

    grants: tuple[str, ...]
    key: bytes = b""


def route(
    table: Table, registries: Registries, value: bytes | None, append_ms: int, now_ms: int
) -> Routed:
    """Return where a record goes.

    Raises:
        Untrusted: it would go somewhere, and no processor in force at ``append_ms`` signed it.
        Malformed: it is no part and no mark.
    """
    if not value:
        raise Malformed("record without a value", reason="empty")
    record = _decoded(value)
    about = _claimed(record)
    if about.person is None:
        person, asked = None, tuple(table.of.values())
    else:
        person = registries.persons.get(about.person)
        asked = table.by_person.get(about.person, ())
    grants = tuple(g.grant for g in asked if covers(g, about, person, now_ms))
    if grants:
        _verify(record, about.processor, registries.keyring, append_ms)
    return Routed(grants=grants, key=about.key)


def _decoded(value: bytes) -> Part | Marker:
    if codec.schema_of(value).record is Part:
        return codec.decode(value, Part)
    return codec.decode(value, Marker)


def _claimed(record: Part | Marker) -> About:
    if isinstance(record, Part):
        segment = part.load(part.SegmentHeader, record.segment)
        return About(
            person=segment.person, processor=segment.processor, device=segment.device,
            key=_key(segment.session), stream=segment.stream, policy=segment.policy,
            consent=segment.consent, purposes=segment.purposes,
        )  # fmt: skip
    mark = marks.read_mark(record)
    if isinstance(mark, marks.NoticeMark):
        return About(person=None, processor=record.processor)
    session = SessionId(device=mark.device, boot=mark.boot, activity=_NO_ACTIVITY)
    # A boot end belongs to both streams.
    stream = None if isinstance(mark, marks.BootEndMark) else mark.stream
    return About(
        person=mark.person, processor=record.processor, device=mark.device, key=_key(session),
        stream=stream,
    )  # fmt: skip


def _key(session: SessionId) -> bytes:
    try:
        return feed.key_of(session)
    except OverflowError as exc:
        raise Malformed("activity that cannot be", reason="header") from exc


def _verify(record: Part | Marker, processor: str, keyring: Keyring, append_ms: int) -> None:
    public = keyring.public(processor, PROCESSOR_SIGN, append_ms)
    if isinstance(record, Part):
        segment, _ = part.verify_part(record, public)
        if segment.stream not in (Stream.INPUT, Stream.FRAME):
            raise Malformed("part of an unknown stream", reason="header")
    else:
        marks.verify_mark(record, public)


def _agreed(span: ConsentSpan, about: About, purpose: str) -> bool:
    """Whether a consent that stands today lets a record be used for a purpose."""
    return (
        span.device == about.device
        and about.consent in (None, span.consent)
        and about.policy in (None, span.policy)
        and purpose in span.purposes
        and span.to_ms == 0
    )
