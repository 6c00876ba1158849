"""A device that is enrolled, a person who agreed, a grant in force, a stored segment."""

import hashlib
import secrets
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from overt_authority.devices.enrolment import Enrolled
from overt_authority.services import Services
from overt_schemas import codec, index
from overt_schemas.envelope.part import Segment, SegmentHeader, commitment, open_segment
from overt_schemas.ids import new_name, week_of
from overt_schemas.records import Consent, Grant, Person, Signed
from overt_schemas.signing import SigningKey, device_key_id, policy_hash
from tests.authority import kit

SUBSCRIBER, REQUESTER, APPROVERS = "sub-1", "op-1", ("op-2", "op-3")
BOOT = bytes(range(16))


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """An enrolled device and its signing key."""

    enrolled: Enrolled
    signer: SigningKey

    @property
    def policy(self) -> str:
        return policy_hash(codec.decode(self.enrolled.policy, Signed))


def enrol(services: Services, group: str = "demo") -> Endpoint:
    from overt_authority.devices import store

    with services.database.write() as db:
        (token,) = store.new_tokens(db, group, 1, services.now_ms())
    seed = secrets.token_bytes(32)
    public = SigningKey("new", seed).public_bytes()
    csr = kit.csr(ec.generate_private_key(ec.SECP256R1()))
    enrolled = services.enrolment.enrol(token, public, csr)
    signer = SigningKey(device_key_id(enrolled.device), seed)
    return Endpoint(enrolled=enrolled, signer=signer)


def receipt(services: Services, endpoint: Endpoint, **changes: object) -> Consent:
    now = services.now_ms()
    made = Consent(
        consent=new_name("c"), device=endpoint.enrolled.device, person=endpoint.enrolled.person,
        policy=endpoint.policy, purposes=(kit.PURPOSE,), notice_hash="0" * 64, shown_ms=now,
        decided_ms=now, decision="agreed", method="simulated",
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


def say(services: Services, endpoint: Endpoint, said: Consent) -> Consent:
    """Let the authority take a signed receipt."""
    services.receipts.take(codec.encode(endpoint.signer.sign_record(said)))
    return said


def agree(services: Services, endpoint: Endpoint) -> Consent:
    return say(services, endpoint, receipt(services, endpoint))


def grant(services: Services, endpoint: Endpoint, **changes: object) -> str:
    """Return an approved grant."""
    now = services.now_ms()
    wanted = Grant(
        grant="", version=0, subscriber=SUBSCRIBER, purpose=kit.PURPOSE,
        cohort=(endpoint.enrolled.person,), streams=(0, 1), not_before_ms=now - 1000,
        not_after_ms=now + 3_600_000, approvers=(), state="",
    )  # fmt: skip
    made = services.grants.request(replace(wanted, **changes), REQUESTER).grant  # type: ignore[arg-type]
    for operator in APPROVERS:
        services.grants.approve(made.grant, operator)
    return made.grant


def person_of(services: Services, endpoint: Endpoint) -> Person:
    from overt_authority.people import store

    with services.database.read() as db:
        person = store.find(db, endpoint.enrolled.person)
    assert person is not None
    return person


def segment(
    services: Services, endpoint: Endpoint, consent: Consent, key: bytes, **changes: object
) -> Segment:
    """Return a segment as a processor seals it, its data key wrapped to this week's key."""
    week = week_of(services.now_ms())
    (public,) = [k for k in person_of(services, endpoint).keys if k.week == week]
    header = SegmentHeader(
        person=consent.person, device=consent.device, boot=BOOT, activity=0, stream=0, segment=0,
        day="2026-11-25", policy=consent.policy, consent=consent.consent,
        purposes=consent.purposes, processor="sign-1", data_key=bytes(16),
        commitment=commitment(key),
    )  # fmt: skip
    return open_segment(replace(header, **changes), key, public.public, public.key_id)  # type: ignore[arg-type]


class Shelf:
    """What a sink would have left: objects and their index.

    ``store`` takes tier, name and bytes; without it objects are files.
    """

    def __init__(
        self, folder: Path, store: Callable[[str, str, bytes], object] | None = None
    ) -> None:
        self._folder, self._store = folder, store or self._write
        self._index = sqlite3.connect(folder / "index.db", isolation_level=None)
        for statement in index.DDL:
            self._index.execute(statement)
        self._seen = 0

    def close(self) -> None:
        self._index.close()

    def _write(self, tier: str, name: str, data: bytes) -> None:
        path = self._folder / "objects" / tier / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def put(
        self, name: str, runs: list[tuple[dict[str, object], bytes]], gap: bytes = b"#",
        tier: str = "hot",
    ) -> list[str]:  # fmt: skip
        """Store an object whose runs are separated by bytes that belong to no run; return names."""
        content, names = bytearray(gap), []
        rows = []
        for columns, data in runs:
            run = f"{hashlib.sha256(name.encode()).hexdigest()[:16]}-{len(content)}"
            self._seen += 1
            values: dict[str, object] = {
                "run": run, "object": name, "byte_from": len(content), "byte_len": len(data),
                "records": 1, "kind": "part", "activity": 0, "stream": 0, "segment": 0,
                "first_batch": 0, "last_batch": 0, "day": "2026-11-25", "seen": self._seen,
                "boot": BOOT.hex(), **columns,
            }  # fmt: skip
            rows.append(values)
            names.append(run)
            content += data + gap
        self._store(tier, name, bytes(content))
        self._insert("objects", {
            "object": name, "tier": tier, "records": len(runs), "bytes": len(content),
            "sha256": "", "person": "", "day": "", "class": "", "created_ms": 0,
        })  # fmt: skip
        for values in rows:
            self._insert("runs", values)
        return names

    def supersede(self, runs: list[str], at_ms: int = 1) -> None:
        """Mark runs whose records stand elsewhere now."""
        for run in runs:
            self._index.execute("UPDATE runs SET superseded_ms = ? WHERE run = ?", (at_ms, run))

    def forget(self, runs: list[str]) -> None:
        """Take rows away, as a mover does after its grace, and an erasure at once."""
        for run in runs:
            self._index.execute("DELETE FROM runs WHERE run = ?", (run,))

    def _insert(self, table: str, values: dict[str, object]) -> None:
        names, marks = ", ".join(values), ", ".join("?" * len(values))
        self._index.execute(
            f"INSERT INTO {table} ({names}) VALUES ({marks})",  # noqa: S608
            list(values.values()),
        )
