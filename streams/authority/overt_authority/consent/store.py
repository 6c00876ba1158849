"""Receipts in SQL, and the way of one from its topic into the person's record."""

import sqlalchemy as sa

from overt_authority import telemetry
from overt_authority.announce import Announcer
from overt_authority.consent import rules
from overt_authority.database import METADATA, Database
from overt_authority.devices import store as devices
from overt_authority.log.append import AuditLog, Draft
from overt_authority.outbox import Outbox, is_promised
from overt_authority.people import store as people
from overt_authority.policy import store as policies
from overt_schemas import codec, topics
from overt_schemas.clock import Clock
from overt_schemas.errors import Malformed, Refused
from overt_schemas.records import Consent, Signed
from overt_schemas.signing import device_key_id, open_record

RECEIPTS = sa.Table(
    "consent_receipts",
    METADATA,
    sa.Column("device", sa.Text, primary_key=True),
    sa.Column("consent", sa.Text, primary_key=True),
    sa.Column("decision", sa.Text, primary_key=True),
    sa.Column("person", sa.Text, nullable=False),
    sa.Column("signed", sa.LargeBinary, nullable=False),
    sa.Column("taken_ms", sa.BigInteger, nullable=False),
)
_RECENT = 100  # withdrawals of one device that are looked at; a hostile one can send any number


class Receipts:
    """Takes receipts, each once."""

    def __init__(
        self, database: Database, outbox: Outbox, announcer: Announcer, log: AuditLog, clock: Clock
    ) -> None:
        self._database, self._outbox, self._announcer = database, outbox, announcer
        self._log, self._clock = log, clock

    def take(self, framed: bytes) -> None:
        """Return once the receipt is stored and the person's record is published.

        Raises:
            Permanent: it does not count; nothing changed.
            Transient: log, brokers or database do not answer; take it again.
        """
        if len(framed) > rules.MAX_BYTES:
            raise Malformed("a consent receipt of that size", reason="size")
        signed = codec.decode(framed, Signed)
        receipt = codec.unpack(Consent, signed.body)
        rules.check_form(receipt)
        now_ms = self._clock.wall_us() // 1000
        with self._database.read() as db:
            known = _known(db, signed, receipt)
            is_taken = _is_taken(db, receipt, receipt.decision)
        if not is_taken:
            rules.check(receipt, known, now_ms)
            self._log.append([_draft(receipt)])
            with self._database.write() as db:
                self._keep(db, framed, receipt, now_ms)
            telemetry.receipt_taken(receipt.decision)
        self._outbox.flush()

    def is_registered(self, device: bytes, consent: str) -> bool:
        """Return whether an agreement of that device is known downstream, ended or not."""
        with self._database.read() as db:
            person = people.agreed(db, device, consent)
            return person is not None and not is_promised(db, topics.PERSON, person.encode())

    def _keep(self, db: sa.Connection, framed: bytes, receipt: Consent, now_ms: int) -> None:
        known = _known(db, codec.decode(framed, Signed), receipt)
        db.execute(
            RECEIPTS.insert().values(
                consent=receipt.consent, decision=receipt.decision, person=receipt.person,
                device=receipt.device.hex(), signed=framed, taken_ms=now_ms,
            )
        )  # fmt: skip
        changed = rules.spans_after(receipt, known, people.spans(db, receipt.person), now_ms)
        for span in changed:
            people.keep_span(db, receipt.person, span)
        if changed:
            people.announce(db, self._announcer, receipt.person)


def _known(db: sa.Connection, signed: Signed, receipt: Consent) -> rules.Known:
    """Return the registries' word, after the device's signature was verified."""
    device = devices.find(db, receipt.device)
    if device is None or signed.key_id != device_key_id(receipt.device):
        raise Refused("a receipt of no known device", reason="device")
    open_record(signed, device.signing_key, Consent)
    policy = policies.by_hash(db, receipt.policy)
    return rules.Known(
        device=device, person=people.find(db, receipt.person),
        policy=policy.policy if policy else None,
        is_withdrawn=_is_taken(db, receipt, rules.WITHDRAWN)
        or receipt.decided_ms <= _withdrawn_ms(db, receipt.device),
    )  # fmt: skip


def _withdrawn_ms(db: sa.Connection, device: bytes) -> int:
    """Return when the device last withdrew; what was agreed to before stays without effect."""
    query = (
        sa.select(RECEIPTS.c.signed, RECEIPTS.c.taken_ms)
        .where(RECEIPTS.c.device == device.hex(), RECEIPTS.c.decision == rules.WITHDRAWN)
        .order_by(RECEIPTS.c.taken_ms.desc())
        .limit(_RECENT)
    )
    said = (
        (codec.unpack(Consent, codec.decode(row.signed, Signed).body), row.taken_ms)
        for row in db.execute(query)
    )
    return max((rules.withdrawn_ms(receipt, taken_ms) for receipt, taken_ms in said), default=0)


def _is_taken(db: sa.Connection, receipt: Consent, decision: str) -> bool:
    query = sa.select(RECEIPTS.c.consent).where(
        RECEIPTS.c.device == receipt.device.hex(),
        RECEIPTS.c.consent == receipt.consent,
        RECEIPTS.c.decision == decision,
    )
    return db.execute(query).first() is not None


def _draft(receipt: Consent) -> Draft:
    return Draft(
        kind="consent", actor=receipt.device.hex(), person=receipt.person,
        detail=f"consent={receipt.consent} decision={receipt.decision} policy={receipt.policy}",
    )  # fmt: skip
