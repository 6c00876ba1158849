"""Release: the grant is checked against the header itself, logged, and then the key is unwrapped.

The header's bytes are the HPKE ``info``: a wrap moved to another header, or a header changed by one
bit, does not open. What is refused is logged too, with its code.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from overt_authority import telemetry
from overt_authority.database import Database
from overt_authority.grants import rules
from overt_authority.grants.store import Grants
from overt_authority.keys import people as person_keys
from overt_authority.keys.root import KeyService
from overt_authority.log.append import AuditLog, Draft
from overt_authority.people import store as people
from overt_schemas import hpke
from overt_schemas.clock import Clock
from overt_schemas.envelope.part import SegmentHeader, load, segment_info
from overt_schemas.errors import Malformed, Refused, Untrusted
from overt_schemas.records import Grant, Person

UNREADABLE = "unreadable"  # no header, no such key, or the wrap does not belong to the header
_KIND = "release"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One segment whose key is asked for."""

    header: bytes
    wrap: bytes
    person_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The key, or why not."""

    info: bytes
    key: bytes = b""
    refused: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judged:
    ask: Ask
    info: bytes
    person: str = ""
    stored: bytes = b""
    refused: str = ""


class Release:
    """Releases segment keys; the log comes first."""

    def __init__(
        self, database: Database, grants: Grants, log: AuditLog, root: KeyService, clock: Clock
    ) -> None:
        self._database, self._grants, self._log = database, grants, log
        self._root, self._clock = root, clock

    def release(
        self, subscriber: str, grant_id: str, purpose: str, asks: Sequence[Ask]
    ) -> list[Answer]:
        """Return an answer for each ask, in order.

        Raises:
            Refused: the grant gives this subscriber nothing; logged.
            Transient: the log cannot be flushed, or the root does not answer: no key was given.
        """
        try:
            held = self._grants.find(grant_id)
            grant = rules.check_grant(held, subscriber, self._clock.wall_us() // 1000)
            rules.check_purpose(grant, purpose)
        except Refused as exc:
            detail = f"refused={exc.reason} segments={len(asks)}"
            self._log.append([
                Draft(kind=_KIND, actor=subscriber, grant=grant_id, purpose=purpose, detail=detail)
            ])  # fmt: skip
            raise
        judged = self._judge(grant, asks)
        self._log.append([_draft(subscriber, grant, one) for one in judged])
        answers = self._unwrap(judged)
        self._log_unreadable(subscriber, grant, judged, answers)
        released = sum(1 for answer in answers if answer.key)
        telemetry.keys_released(released, len(answers) - released)
        return answers

    def _judge(self, grant: Grant, asks: Sequence[Ask]) -> list[_Judged]:
        known: dict[str, Person | None] = {}
        with self._database.read() as db:
            return [self._judge_one(db, grant, ask, known) for ask in asks]

    def _judge_one(
        self, db: sa.Connection, grant: Grant, ask: Ask, known: dict[str, Person | None]
    ) -> _Judged:
        info, person, stored, refused = segment_info(ask.header), "", b"", UNREADABLE
        try:
            header = _read(ask.header)
            person = header.person
            if person not in known:
                known[person] = people.find(db, person)
            refused = rules.refusal(grant, _segment(header), known[person]) or ""
            if not refused:
                stored = person_keys.wrapped(db, person, ask.person_key)
        except (Malformed, Refused):
            refused = UNREADABLE
        return _Judged(ask=ask, info=info, person=person, stored=stored, refused=refused)

    def _unwrap(self, judged: Sequence[_Judged]) -> list[Answer]:
        keys: dict[str, hpke.PrivateKey | None] = {}
        answers = []
        for one in judged:
            key, refused = b"", one.refused
            if not refused:
                name = one.ask.person_key
                if name not in keys:
                    keys[name] = self._private(one)
                key = _open(keys[name], one)
                refused = "" if key else UNREADABLE
            answers.append(Answer(info=one.info, key=key, refused=refused))
        return answers

    def _private(self, one: _Judged) -> hpke.PrivateKey | None:
        """Return the person's key; None if it is gone, which is no reason to refuse the others."""
        try:
            return person_keys.unwrap(self._root, one.person, one.ask.person_key, one.stored)
        except (Untrusted, Malformed):
            return None

    def _log_unreadable(
        self, subscriber: str, grant: Grant, judged: Sequence[_Judged], answers: Sequence[Answer]
    ) -> None:
        drafts = [
            Draft(
                kind=_KIND, actor=subscriber, grant=grant.grant, purpose=grant.purpose,
                person=one.person, detail=f"refused={UNREADABLE} info={one.info.hex()}",
            )
            for one, answer in zip(judged, answers, strict=True)
            if answer.refused and not one.refused
        ]  # fmt: skip
        if drafts:
            self._log.append(drafts)


def _open(private: hpke.PrivateKey | None, one: _Judged) -> bytes:
    try:
        return private.unwrap(one.ask.wrap, one.info) if private is not None else b""
    except (Untrusted, Malformed):
        return b""


def _read(data: bytes) -> SegmentHeader:
    header = load(SegmentHeader, data)
    # CBOR has types of its own: a person that is a map is nobody.
    texts = (header.person, header.policy, header.consent, *header.purposes)
    if not all(isinstance(text, str) for text in texts) or not isinstance(header.device, bytes):
        raise Malformed("a segment header of other types", reason="header")
    return header


def _segment(header: SegmentHeader) -> rules.Segment:
    return rules.Segment(
        person=header.person, device=header.device, stream=header.stream, policy=header.policy,
        consent=header.consent, purposes=header.purposes,
    )  # fmt: skip


def _draft(subscriber: str, grant: Grant, one: _Judged) -> Draft:
    what = f"refused={one.refused}" if one.refused else "released"
    return Draft(
        kind=_KIND, actor=subscriber, grant=grant.grant, purpose=grant.purpose,
        person=one.person, detail=f"{what} info={one.info.hex()}",
    )  # fmt: skip
