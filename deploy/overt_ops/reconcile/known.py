"""What is known of grants, as frozen values. Pure.

A record is believed when an authority key in force at its append signed it, by the newest key set,
which the pinned root signed. A grant whose key is not known yet waits for a newer key set: the two
topics are read side by side. Versions only rise, and a tombstone teaches nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from overt_schemas.catalogue import ID_OF
from overt_schemas.errors import Permanent
from overt_schemas.records import Grant, Signed
from overt_schemas.signing import ROOT, Keyring

_WAITING_LIMIT = 1024  # past it the oldest are let go, and counted


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """One record, and when the broker appended it."""

    signed: Signed
    append_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Everything learnt so far; empty, it gives nobody anything."""

    keyring: Keyring
    grants: Mapping[str, Grant] = field(default_factory=dict)  # another object when one changed
    waiting: tuple[News, ...] = ()


def learn(known: Known, news: Iterable[News]) -> tuple[Known, tuple[str, ...]]:
    """Return what is known after ``news``, and why what was refused was refused.

    One bad record never costs another.
    """
    refused: list[str] = []
    keyring, rest = known.keyring, list(known.waiting)
    for item in news:
        if item.signed.schema == ID_OF["Grant"]:
            rest.append(item)
        elif item.signed.schema == ID_OF["KeySet"] and item.signed.key_id == ROOT:
            try:
                keyring = keyring.accept(item.signed)
            except Permanent as exc:
                refused.append(exc.reason)
    grants, waiting = dict(known.grants), []
    for item in rest:
        if item.signed.key_id not in keyring.certs:
            waiting.append(item)
            continue
        try:
            grant = keyring.open(item.signed, item.append_ms, Grant)
        except Permanent as exc:
            refused.append(exc.reason)
            continue
        old = grants.get(grant.grant)
        if old is None or grant.version > old.version:
            grants[grant.grant] = grant
    refused += ["waiting_overflow"] * max(0, len(waiting) - _WAITING_LIMIT)
    same = grants == known.grants
    after = Known(
        keyring=keyring,
        grants=known.grants if same else grants,
        waiting=tuple(waiting[-_WAITING_LIMIT:]),
    )
    return after, tuple(refused)
