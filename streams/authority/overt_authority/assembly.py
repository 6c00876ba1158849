"""From settings to services: the one place that knows which kind of each thing is used."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from overt_authority.announce import Announcer
from overt_authority.beacon.store import Beacons, Pauses
from overt_authority.consent.store import Receipts
from overt_authority.database import Database
from overt_authority.devices.certificates import DeviceCa
from overt_authority.devices.enrolment import Enrolment
from overt_authority.grants import stores
from overt_authority.grants.index import Index
from overt_authority.grants.objects import Objects
from overt_authority.grants.ranges import Ranges
from overt_authority.grants.reading import Reading
from overt_authority.grants.release import Release
from overt_authority.grants.store import Grants
from overt_authority.keys.bao import BaoRoot
from overt_authority.keys.processors import EpochKeys
from overt_authority.keys.root import FileRoot, KeyService
from overt_authority.log.append import AuditLog
from overt_authority.log.tell import Teller
from overt_authority.outbox import Outbox
from overt_authority.people.store import WeekKeys
from overt_authority.policy.store import PolicyFolder
from overt_authority.publish import KafkaPublisher, Publisher
from overt_authority.services import Services
from overt_authority.settings import Settings
from overt_schemas import client
from overt_schemas.clock import Clock
from overt_schemas.errors import Permanent
from overt_schemas.signing import ROOT, SigningKey

_OTHERS = 0o007  # a group may hold a secret that a supervisor mounts


@dataclass(frozen=True, slots=True, kw_only=True)
class _Files:
    root_key: SigningKey
    ca: DeviceCa
    broker_ca: str


@contextmanager
def assemble(
    settings: Settings, clock: Clock, publisher: Publisher | None = None
) -> Iterator[Services]:
    """Give the services, opened; everything is closed with the block.

    Raises:
        Permanent: a file is missing or wrong, or the log lacks entries it had published.
    """
    files = _read(settings)
    with ExitStack() as closing:
        database = Database(settings.database.url)
        closing.callback(database.close)
        database.open()
        publisher = publisher or KafkaPublisher(kafka(settings))
        closing.callback(publisher.close)
        log = AuditLog(settings.state_dir / "audit.log", clock)
        closing.callback(log.close)
        teller = Teller(database, log, publisher)
        teller.open_log()
        root = _root(settings, clock, closing)
        index = Index(settings.index.url)
        closing.callback(index.close)
        epoch_keys = EpochKeys(database, root, files.root_key, clock)
        announcer = Announcer(epoch_keys.authority)
        outbox = Outbox(database, publisher)
        week_keys = WeekKeys(database, root, announcer, clock)
        valid_ms = round(settings.beacon.valid_s * 1000)
        beacons = Beacons(database, publisher, epoch_keys, log, clock, valid_ms)
        grants = Grants(database, outbox, announcer, log)
        reading, stored = (
            Reading(database, grants, index, log, clock),
            Objects(stores.tiers(settings.store)),
        )
        yield Services(
            clock=clock, database=database, publisher=publisher, outbox=outbox, log=log,
            teller=teller, root=root, epoch_keys=epoch_keys, week_keys=week_keys,
            policies=PolicyFolder(settings.policies_dir, database, announcer),
            enrolment=Enrolment(database, outbox, announcer, log, files.ca, week_keys, clock),
            receipts=Receipts(database, outbox, announcer, log, clock), beacons=beacons,
            pauses=Pauses(database, outbox, announcer, log, beacons, clock), grants=grants,
            reading=reading, release=Release(database, grants, log, root, clock), objects=stored,
            ranges=Ranges(reading, index, stored, stores.signer(settings.store), clock),
            bootstrap=settings.endpoint_kafka.bootstrap, broker_ca=files.broker_ca,
            root_public=files.root_key.public_bytes(), valid_ms=valid_ms,
        )  # fmt: skip


def kafka(settings: Settings) -> client.Config:
    """Return the connection to the brokers."""
    password = settings.kafka.password_file.read_text("utf-8").strip()
    return client.scram(
        settings.kafka.bootstrap, str(settings.kafka.ca), settings.kafka.username, password,
        "authority",
    )  # fmt: skip


def _root(settings: Settings, clock: Clock, closing: ExitStack) -> KeyService:
    if settings.file_root is not None:
        settings.file_root.dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        return FileRoot(settings.file_root.dir, clock)
    if settings.bao is None:
        raise Permanent("[bao] or [file_root] is needed", reason="settings")
    bao = settings.bao
    root = BaoRoot(bao.url, bao.ca, bao.role, bao.jwt_key, clock)
    closing.callback(root.close)
    return root


def _read(settings: Settings) -> _Files:
    try:
        files = _Files(
            root_key=SigningKey(ROOT, _hex(settings.root.key)),
            ca=DeviceCa.load(settings.device_ca.cert, settings.device_ca.key),
            broker_ca=settings.endpoint_kafka.ca.read_text("utf-8"),
        )
        settings.kafka.password_file.read_bytes()
        open_ones = [path for path in settings.secrets if path.stat().st_mode & _OTHERS]
    except (OSError, ValueError) as exc:
        kind = type(exc).__name__
        name = getattr(exc, "filename", None) or "a file named in the settings"
        raise Permanent(f"{name} is missing or not what it should be ({kind})") from exc
    if open_ones:
        raise Permanent(f"{open_ones[0]} may be read by others: chmod 600 it", reason="settings")
    _check_pinned(settings, files.root_key)
    return files


def _check_pinned(settings: Settings, root_key: SigningKey) -> None:
    pinned = settings.authority.root_key if settings.authority else None
    if pinned is not None and _hex(pinned) != root_key.public_bytes():
        raise Permanent("the root key is not the one others pinned", reason="settings")


def _hex(path: Path) -> bytes:
    return bytes.fromhex(path.read_text("utf-8").strip())
