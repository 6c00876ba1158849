"""What the authority has said, as frozen values: devices, people, grants, policies, beacons, keys.

Each record is verified when it is learnt: key sets by the root that this process was started with,
everything else by an authority key of the newest key set. A record whose key is not known yet waits
for the next key set, since topics are read side by side. Versions only rise. A compaction tombstone
teaches nothing: forgetting somebody because an unsigned null came would be a gift to an attacker.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from overt_schemas.catalogue import ID_OF
from overt_schemas.errors import Permanent
from overt_schemas.records import (
    Beacon,
    Device,
    Grant,
    KeySet,
    Overlay,
    Person,
    Policy,
    Signed,
)
from overt_schemas.signing import ROOT, Keyring, policy_hash

_WAITING_LIMIT = 1024  # records whose key is unknown; past it the oldest are let go and counted
_KINDS: tuple[type[Any], ...] = (Device, Person, Policy, Beacon, Overlay, KeySet, Grant)
_NOTHING: Mapping[str, tuple["Pause", ...]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """A group did not have the right to capture from the issue of one beacon to that of another."""

    from_ms: int
    to_ms: int  # 0 while it lasts


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """One beacon, without the tags (only devices can read those)."""

    number: int
    issued_ms: int
    valid_until_ms: int
    policies: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Beacons:
    """All beacons in reach by number, and the pauses they add up to, by group."""

    leases: Mapping[int, Lease] = field(default_factory=dict)
    pauses: Mapping[str, tuple[Pause, ...]] = field(default_factory=lambda: _NOTHING)
    highest: int = -1

    def learn(self, beacons: Iterable[Beacon]) -> "Beacons":
        """Return the index with newer beacons; a number not above the highest changes nothing."""
        leases, pauses, highest = dict(self.leases), dict(self.pauses), self.highest
        for beacon in beacons:
            if beacon.number <= highest:
                continue
            highest = beacon.number
            leases[highest] = Lease(
                number=highest, issued_ms=beacon.issued_ms, valid_until_ms=beacon.valid_until_ms,
                policies={ref.group: ref.policy for ref in beacon.policies},
            )  # fmt: skip
            for group, spans in pauses.items():
                if spans[-1].to_ms == 0 and group not in beacon.paused_groups:
                    pauses[group] = (*spans[:-1], replace(spans[-1], to_ms=beacon.issued_ms))
            for group in beacon.paused_groups:
                spans = pauses.get(group, ())
                if not spans or spans[-1].to_ms:
                    pauses[group] = (*spans, Pause(from_ms=beacon.issued_ms, to_ms=0))
        return Beacons(leases=leases, pauses=pauses, highest=highest)


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """One registry record, and when the broker appended it (its key had to be in force then)."""

    signed: Signed
    append_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Registries:
    """Everything learnt so far. Empty registries let nobody through."""

    keyring: Keyring
    devices: Mapping[bytes, Device] = field(default_factory=dict)
    persons: Mapping[str, Person] = field(default_factory=dict)
    policies: Mapping[str, Policy] = field(default_factory=dict)
    beacons: Beacons = field(default_factory=Beacons)
    grants: Mapping[str, Grant] = field(default_factory=dict)  # another object when one changed
    waiting: tuple[News, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Learnt:
    """The registries after some news, and why what was refused was refused."""

    registries: Registries
    refused: tuple[str, ...]


def learn(registries: Registries, news: Iterable[News]) -> Learnt:
    """Return the registries after ``news``; one bad record never costs another."""
    refused: list[str] = []
    keyring = registries.keyring
    rest: list[News] = list(registries.waiting)
    for item in news:
        if item.signed.schema != ID_OF["KeySet"] or item.signed.key_id != ROOT:
            rest.append(item)
            continue
        try:
            keyring = keyring.accept(item.signed)
        except Permanent as exc:
            refused.append(exc.reason)
    draft = _Draft(registries, keyring)
    waiting = [item for item in rest if not draft.take(item, refused)]
    refused += ["waiting_overflow"] * max(0, len(waiting) - _WAITING_LIMIT)
    return Learnt(registries=draft.done(tuple(waiting[-_WAITING_LIMIT:])), refused=tuple(refused))


class _Draft:
    """Copies of the indexes, made once for a whole batch of news."""

    def __init__(self, old: Registries, keyring: Keyring) -> None:
        self._old, self._keyring = old, keyring
        self._devices, self._persons = dict(old.devices), dict(old.persons)
        self._policies = dict(old.policies)
        self._beacons: list[Beacon] = []
        self._grants: dict[str, Grant] = {}

    def take(self, item: News, refused: list[str]) -> bool:
        """Return whether the record is settled; False where its key may still come."""
        if item.signed.key_id not in self._keyring.certs:
            return False
        try:
            record: Any = self._keyring.open(item.signed, item.append_ms, *_KINDS)
        except Permanent as exc:
            refused.append(exc.reason)
            return True
        match record:
            case Device():
                known = self._devices.get(record.device)
                if known is None or record.version > known.version:
                    self._devices[record.device] = record
            case Person():
                person = self._persons.get(record.person)
                if person is None or record.version > person.version:
                    self._persons[record.person] = record
            case Policy():
                self._policies[policy_hash(item.signed)] = record
            case Beacon():
                self._beacons.append(record)
            case Grant():
                grant = self._grants.get(record.grant) or self._old.grants.get(record.grant)
                if grant is None or record.version > grant.version:
                    self._grants[record.grant] = record
            case _:
                pass  # overlays are for the reconciler; a key set counts under the root alone
        return True

    def done(self, waiting: tuple[News, ...]) -> Registries:
        """Return the new registries."""
        beacons, grants = self._old.beacons, self._old.grants
        return Registries(
            keyring=self._keyring, devices=self._devices, persons=self._persons,
            policies=self._policies, waiting=waiting,
            beacons=beacons.learn(self._beacons) if self._beacons else beacons,
            grants={**grants, **self._grants} if self._grants else grants,
        )  # fmt: skip
