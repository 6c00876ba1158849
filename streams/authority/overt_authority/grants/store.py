"""Grants in SQL, and the record on overt.grant.v1."""

from dataclasses import replace

import sqlalchemy as sa

from overt_authority.announce import Announcer
from overt_authority.database import METADATA, Database
from overt_authority.devices import store as devices
from overt_authority.grants import rules
from overt_authority.grants.rules import Held
from overt_authority.log.append import AuditLog, Draft
from overt_authority.outbox import Outbox
from overt_schemas import api, topics
from overt_schemas.errors import Refused
from overt_schemas.ids import new_name
from overt_schemas.records import Grant

GRANTS = sa.Table(
    "grants",
    METADATA,
    sa.Column("grant", sa.Text, primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("requester", sa.Text, nullable=False),
    sa.Column("subscriber", sa.Text, nullable=False),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("cohort", sa.JSON, nullable=False),
    sa.Column("streams", sa.JSON, nullable=False),
    sa.Column("not_before_ms", sa.BigInteger, nullable=False),
    sa.Column("not_after_ms", sa.BigInteger, nullable=False),
    sa.Column("approvers", sa.JSON, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
)
GROUP_PREFIX = "group:"


class Grants:
    """Asks for, approves, ends and finds grants."""

    def __init__(
        self, database: Database, outbox: Outbox, announcer: Announcer, log: AuditLog
    ) -> None:
        self._database, self._outbox = database, outbox
        self._announcer, self._log = announcer, log

    def find(self, grant: str) -> Held | None:
        """Return a grant and who asked for it."""
        with self._database.read() as db:
            return _find(db, grant)

    def request(self, wanted: Grant, requester: str) -> Held:
        """Return the requested grant; ``group:<name>`` in the cohort becomes its people of now.

        Approvers see, and sign for, exactly those pseudonyms: who enrols later is in no old grant.
        """
        with self._database.read() as db:
            cohort = _people(db, wanted.cohort)
        grant = replace(
            wanted, grant=new_name("g"), version=1, cohort=cohort, approvers=(),
            state=rules.REQUESTED,
        )  # fmt: skip
        rules.check_request(grant)
        held = Held(grant=grant, requester=requester)
        self._log.append([_draft(held, requester, "request")])
        with self._database.write() as db:
            db.execute(GRANTS.insert().values(requester=requester, **_columns(grant)))
            self._announce(db, grant)
        self._outbox.flush()
        return held

    def approve(self, grant: str, operator: str) -> Held:
        """Return the grant after an operator's approval."""
        held = self.find(grant)
        if held is None:
            raise Refused("no such grant", reason=api.NO_GRANT)
        rules.approve(held, operator)
        self._log.append([_draft(held, operator, "approve")])
        with self._database.write() as db:
            held = _find(db, grant) or held
            approvers, state = rules.approve(held, operator)
            if approvers != held.grant.approvers:
                changed = replace(
                    held.grant, approvers=approvers, state=state, version=held.grant.version + 1
                )
                held = replace(held, grant=changed)
                where = GRANTS.c.grant == grant
                db.execute(GRANTS.update().where(where).values(**_columns(changed)))
                self._announce(db, changed)
        self._outbox.flush()
        return held

    def end(self, grant: str, operator: str) -> Held:
        """Return the grant, ended by any operator; one that has ended stays as it is.

        What was released stays released, what is still to be is refused from the next call on; the
        grant's feed goes once the reconciler reads the record.
        """
        held = self.find(grant)
        if held is None:
            raise Refused("no such grant", reason=api.NO_GRANT)
        self._log.append([_draft(held, operator, "end")])
        with self._database.write() as db:
            held = _find(db, grant) or held
            if held.grant.state != rules.ENDED:
                changed = replace(held.grant, state=rules.ENDED, version=held.grant.version + 1)
                held = replace(held, grant=changed)
                where = GRANTS.c.grant == grant
                db.execute(GRANTS.update().where(where).values(**_columns(changed)))
                self._announce(db, changed)
        self._outbox.flush()
        return held

    def _announce(self, db: sa.Connection, grant: Grant) -> None:
        self._announcer.promise(db, topics.GRANT, grant.grant.encode(), grant)


def _find(db: sa.Connection, grant: str) -> Held | None:
    row = db.execute(sa.select(GRANTS).where(GRANTS.c.grant == grant)).first()
    if row is None:
        return None
    record = Grant(
        grant=row.grant, version=row.version, subscriber=row.subscriber, purpose=row.purpose,
        cohort=tuple(row.cohort), streams=tuple(row.streams), not_before_ms=row.not_before_ms,
        not_after_ms=row.not_after_ms, approvers=tuple(row.approvers), state=row.state,
    )  # fmt: skip
    return Held(grant=record, requester=row.requester)


def _people(db: sa.Connection, cohort: tuple[str, ...]) -> tuple[str, ...]:
    people: set[str] = set()
    for name in cohort:
        if not name.startswith(GROUP_PREFIX):
            people.add(name)
            continue
        for device in devices.in_group(db, name.removeprefix(GROUP_PREFIX)):
            people.update(span.person for span in device.spans)
    return tuple(sorted(people))


def _columns(grant: Grant) -> dict[str, object]:
    return {
        "grant": grant.grant, "version": grant.version, "subscriber": grant.subscriber,
        "purpose": grant.purpose, "cohort": list(grant.cohort), "streams": list(grant.streams),
        "not_before_ms": grant.not_before_ms, "not_after_ms": grant.not_after_ms,
        "approvers": list(grant.approvers), "state": grant.state,
    }  # fmt: skip


def _draft(held: Held, actor: str, what: str) -> Draft:
    grant = held.grant
    return Draft(
        kind="grant", actor=actor, grant=grant.grant, purpose=grant.purpose,
        detail=f"{what} subscriber={grant.subscriber} people={len(grant.cohort)}",
    )  # fmt: skip
