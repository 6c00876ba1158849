"""Everything the routes need, as one value; made in ``assembly``."""

from dataclasses import dataclass

from overt_authority.beacon.store import Beacons, Pauses
from overt_authority.consent.store import Receipts
from overt_authority.database import Database
from overt_authority.devices.enrolment import Enrolment
from overt_authority.grants.objects import Objects
from overt_authority.grants.ranges import Ranges
from overt_authority.grants.reading import Reading
from overt_authority.grants.release import Release
from overt_authority.grants.store import Grants
from overt_authority.keys.processors import EpochKeys
from overt_authority.keys.root import KeyService
from overt_authority.log.append import AuditLog
from overt_authority.log.tell import Teller
from overt_authority.outbox import Outbox
from overt_authority.people.store import WeekKeys
from overt_authority.policy.store import PolicyFolder
from overt_authority.publish import Publisher
from overt_schemas.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The authority, put together."""

    clock: Clock
    database: Database
    publisher: Publisher
    outbox: Outbox
    log: AuditLog
    teller: Teller
    root: KeyService
    epoch_keys: EpochKeys
    week_keys: WeekKeys
    policies: PolicyFolder
    enrolment: Enrolment
    receipts: Receipts
    beacons: Beacons
    pauses: Pauses
    grants: Grants
    reading: Reading
    release: Release
    objects: Objects
    ranges: Ranges
    bootstrap: str
    broker_ca: str
    root_public: bytes
    valid_ms: int

    def now_ms(self) -> int:
        """Unix milliseconds."""
        return self.clock.wall_us() // 1000

    def check(self) -> None:
        """Return if everything needed answers, else raise ``Transient``."""
        self.log.check()
        with self.database.read() as db:
            db.exec_driver_sql("SELECT 1")
        self.root.check()
        self.publisher.check()

    def start(self) -> None:
        """Publish what a crash left behind, and what must be there before anybody asks.

        Raises:
            Transient: something does not answer yet; starting again is right.
        """
        self.root.check()
        self.epoch_keys.rotate()
        self.policies.publish()
        self.outbox.flush()
        self.week_keys.renew()
        self.outbox.flush()
        self.teller.tell()
        self.beacons.publish()
