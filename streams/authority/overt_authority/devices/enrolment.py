"""Enrolment: a token becomes a device, a pseudonym and a certificate.

Registry first: device and person are acknowledged by Kafka before the certificate exists, so no
honest device is ever unknown to a processor.
"""

from dataclasses import dataclass

import sqlalchemy as sa
from cryptography import x509

from overt_authority import telemetry
from overt_authority.announce import Announcer
from overt_authority.database import Database
from overt_authority.devices import rules, store
from overt_authority.devices.certificates import DeviceCa, key_hash, read_request
from overt_authority.keys import people as person_keys
from overt_authority.log.append import AuditLog, Draft
from overt_authority.outbox import Outbox
from overt_authority.people import store as people
from overt_authority.policy import store as policies
from overt_schemas import api
from overt_schemas.clock import Clock
from overt_schemas.errors import Refused, Transient
from overt_schemas.ids import new_id, new_name
from overt_schemas.records import Device, SealSpan


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolled:
    """What a new endpoint gets to know."""

    device: bytes
    person: str
    group: str
    tag_secret: bytes
    certificate: str
    policy: bytes


class Enrolment:
    """Turns tokens into devices."""

    def __init__(
        self, database: Database, outbox: Outbox, announcer: Announcer, log: AuditLog,
        ca: DeviceCa, week_keys: people.WeekKeys, clock: Clock,
    ) -> None:  # fmt: skip
        self._database, self._outbox, self._announcer = database, outbox, announcer
        self._log, self._ca, self._week_keys, self._clock = log, ca, week_keys, clock

    def enrol(self, token: str, signing_key: bytes, csr: str) -> Enrolled:
        """Return the device of that token, new or (asked again with the same keys) as it is.

        Raises:
            Refused: the token is unknown, too old, or was used with other keys.
            Transient: log, brokers or database do not answer; asking again is right.
        """
        rules.check_signing_key(signing_key)
        request = read_request(csr)
        with self._database.read() as db:
            group, used = store.open_token(db, token, self._now())
        device = bytes.fromhex(used) if used else self._register(token, signing_key, request)
        self._outbox.flush()
        now_ms = self._now()
        with self._database.read() as db:
            known = store.find(db, device)
            secret = store.secret_of(db, device, key_hash(request))
            policy = policies.newest(db, group)
        if known is None or secret is None or known.signing_key != signing_key:
            raise Refused("this token was used with other keys", reason=api.BAD_TOKEN)
        person = rules.holder(known, now_ms)
        if person is None or policy is None or known.state != rules.ACTIVE:
            raise Refused("this device may not be enrolled any more", reason=api.BAD_TOKEN)
        return Enrolled(
            device=device, person=person, group=group, tag_secret=secret, policy=policy.framed,
            certificate=self._ca.issue(request, group, device, now_ms),
        )  # fmt: skip

    def renew(self, device: bytes, csr: str) -> str:
        """Return a new certificate for a device that is still active."""
        request = read_request(csr)
        with self._database.read() as db:
            known = store.find(db, device)
        if known is None or known.state != rules.ACTIVE:
            raise Refused("the device is not active", reason=api.WRONG_IDENTITY)
        return self._ca.issue(request, known.group, device, self._now())

    def _register(
        self, token: str, signing_key: bytes, request: x509.CertificateSigningRequest
    ) -> bytes:
        device, person, now_ms = new_id(), new_name("p"), self._now()
        keys = self._week_keys.make(person, set())
        self._log.append([
            Draft(kind="enrol", actor="token", person=person, detail=f"device={device.hex()}")
        ])  # fmt: skip
        with self._database.write() as db:
            group, used = store.open_token(db, token, now_ms)
            if used:  # by another request, a moment ago
                return bytes.fromhex(used)
            self._add_person(db, person, keys)
            span = SealSpan(person=person, from_ms=now_ms, to_ms=0)
            record = Device(
                device=device, group=group, version=0, state=rules.ACTIVE,
                signing_key=signing_key, spans=(span,), pauses=(),
            )  # fmt: skip
            try:
                store.add(db, record, key_hash(request))
            except sa.exc.IntegrityError as exc:
                raise Refused("this signing key has a device", reason=api.BAD_TOKEN) from exc
            store.use_token(db, token, device)
            store.announce(db, self._announcer, device)
        telemetry.device_enrolled(group)
        return device

    def _add_person(self, db: sa.Connection, person: str, keys: list[dict[str, object]]) -> None:
        people.add(db, person)
        if not person_keys.keep(db, keys):
            raise Transient("no key for the new person", reason="keys")
        people.announce(db, self._announcer, person)

    def _now(self) -> int:
        return self._clock.wall_us() // 1000
