"""The beacon's number and the pauses in SQL, and the one who publishes.

The number is taken (committed) before the beacon goes out: a crash may skip one, never repeat one.
While the audit log cannot be flushed no beacon goes out, and every lease runs out by itself.
"""

import threading

import sqlalchemy as sa

from overt_authority import telemetry
from overt_authority.announce import Announcer
from overt_authority.beacon import rules
from overt_authority.database import METADATA, Database
from overt_authority.devices import rules as device_rules
from overt_authority.devices import store as devices
from overt_authority.keys.processors import EpochKeys
from overt_authority.log.append import AuditLog, Draft
from overt_authority.outbox import Outbox
from overt_authority.policy import store as policies
from overt_authority.publish import Outgoing, Publisher
from overt_schemas import codec, topics
from overt_schemas.clock import Clock
from overt_schemas.records import Overlay

NUMBER = sa.Table(
    "beacon_number",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("number", sa.BigInteger, nullable=False),
)
PAUSES = sa.Table(
    "group_pauses",
    METADATA,
    sa.Column("group", sa.Text, primary_key=True),
    sa.Column("is_paused", sa.Boolean, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
)
_ROW = 1
DEVICE_PREFIX = "device:"


class Beacons:
    """Signs and publishes beacons; one at a time."""

    def __init__(
        self, database: Database, publisher: Publisher, keys: EpochKeys, log: AuditLog,
        clock: Clock, valid_ms: int,
    ) -> None:  # fmt: skip
        self._database, self._publisher, self._keys = database, publisher, keys
        self._log, self._clock, self._valid_ms = log, clock, valid_ms
        self._publishing = threading.Lock()

    def publish(self) -> int:
        """Return the number of the beacon that is out now.

        Raises:
            Transient: log, brokers or database do not answer; no beacon went out, or nobody knows.
        """
        with self._publishing:
            self._log.check()
            with self._database.write() as db:
                number, fleet = _next_number(db), _fleet(db)
            now_ms = self._clock.wall_us() // 1000
            record = rules.beacon(fleet, number, now_ms, self._valid_ms)
            value = codec.encode(self._keys.authority().sign_record(record))
            self._publisher.publish([Outgoing(topic=topics.BEACON, key=None, value=value)])
        telemetry.beacon_published(number, len(record.paused_groups), len(record.tags))
        return number


class Pauses:
    """Pause and resume: the state, an overlay for the brokers, and the next beacon at once."""

    def __init__(
        self, database: Database, outbox: Outbox, announcer: Announcer, log: AuditLog,
        beacons: Beacons, clock: Clock,
    ) -> None:  # fmt: skip
        self._database, self._outbox, self._announcer = database, outbox, announcer
        self._log, self._beacons, self._clock = log, beacons, clock

    def pause(self, scopes: list[str], actor: str) -> int:
        """Pause groups (or ``device:<hex>``); the state is kept even if nothing can be said."""
        self._set(scopes, is_paused=True)  # before the log: a pause never waits for anything
        self._log.append([_draft(scope, actor, "pause") for scope in scopes])
        return self._say()

    def resume(self, scopes: list[str], actor: str) -> int:
        """Resume groups or devices; without a log entry nothing is resumed."""
        self._log.append([_draft(scope, actor, "resume") for scope in scopes])
        self._set(scopes, is_paused=False)
        return self._say()

    def _say(self) -> int:
        number = self._beacons.publish()
        self._outbox.flush()
        return number

    def _set(self, scopes: list[str], *, is_paused: bool) -> None:
        now_ms = self._clock.wall_us() // 1000
        with self._database.write() as db:
            for scope in scopes:
                if scope.startswith(DEVICE_PREFIX):
                    self._set_device(db, scope, now_ms, is_paused=is_paused)
                else:
                    self._set_group(db, scope, now_ms, is_paused=is_paused)

    def _set_group(self, db: sa.Connection, group: str, now_ms: int, *, is_paused: bool) -> None:
        known = db.execute(sa.select(PAUSES).where(PAUSES.c.group == group)).first()
        version = known.version + 1 if known else 1
        db.execute(PAUSES.delete().where(PAUSES.c.group == group))
        db.execute(PAUSES.insert().values(group=group, is_paused=is_paused, version=version))
        name = f"pause-{group}"
        overlay = Overlay(
            overlay=name, version=version, kind="pause", scope=group, active=is_paused,
            issued_ms=now_ms,
        )  # fmt: skip
        self._announcer.promise(db, topics.CONTROL, f"overlay/{name}".encode(), overlay)

    def _set_device(self, db: sa.Connection, scope: str, now_ms: int, *, is_paused: bool) -> None:
        device = devices.find(db, bytes.fromhex(scope.removeprefix(DEVICE_PREFIX)))
        if device is None:
            return
        step = device_rules.pause if is_paused else device_rules.resume
        devices.change(db, step(device, now_ms))
        devices.announce(db, self._announcer, device.device)


def _next_number(db: sa.Connection) -> int:
    number = (db.execute(sa.select(NUMBER.c.number)).scalar() or 0) + 1
    db.execute(NUMBER.delete())
    db.execute(NUMBER.insert().values(id=_ROW, number=number))
    return number


def _fleet(db: sa.Connection) -> rules.Fleet:
    paused = db.execute(sa.select(PAUSES.c.group).where(PAUSES.c.is_paused)).scalars()
    stopped = devices.stopped(db)
    return rules.Fleet(
        paused_groups=frozenset(paused),
        stopped=tuple(rules.Stopped(group=group, tag_secret=tag) for group, tag in stopped),
        policies=policies.refs(db),
    )


def _draft(scope: str, actor: str, what: str) -> Draft:
    return Draft(kind="pause", actor=actor, detail=f"{what}={scope}")
