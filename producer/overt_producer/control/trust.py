"""What capture believes of the board: rows that verify from the pinned root, and nothing else."""

from dataclasses import dataclass, field, replace
from typing import Any

from overt_producer.control.board import BEACON, KEYSET, POLICY, Board
from overt_schemas import codec
from overt_schemas.errors import Permanent, Untrusted
from overt_schemas.records import Beacon, KeyCert, Policy, Signed
from overt_schemas.signing import PROCESSOR_SEAL, Keyring, policy_hash


@dataclass(frozen=True, slots=True, kw_only=True)
class Trusted:
    """The verified rows: the newest beacon, policies by hash, and the keys that proved them."""

    keyring: Keyring
    policies: dict[str, Policy] = field(default_factory=dict)
    beacon: Beacon | None = None
    rejected: int = 0

    def processors(self, at_ms: int) -> KeyCert | None:
        """Return the key to seal to, None where none is in force."""
        try:
            return self.keyring.newest(PROCESSOR_SEAL, at_ms)
        except Untrusted:
            return None


def read(board: Board, trusted: Trusted, at_ms: int) -> Trusted:
    """Return what is believed after another look at the board. Old key sets change nothing."""
    keyring, rejected = trusted.keyring, 0
    for value in board.read(KEYSET):
        try:
            keyring = keyring.accept(codec.decode(value, Signed))
        except Permanent:
            rejected += 1
    policies = dict[str, Policy]()
    for value in board.read(POLICY):
        signed, policy = _open(keyring, value, at_ms, Policy)
        if signed is None or policy is None:
            rejected += 1
        else:
            policies[policy_hash(signed)] = policy
    best = trusted.beacon
    for value in board.read(BEACON):
        _, beacon = _open(keyring, value, at_ms, Beacon)
        if beacon is None:
            rejected += 1
            continue
        if best is None or beacon.number > best.number:
            best = beacon
        break
    return replace(trusted, keyring=keyring, policies=policies, beacon=best, rejected=rejected)


def _open(keyring: Keyring, value: bytes, at_ms: int, kind: type[Any]) -> tuple[Signed | None, Any]:
    try:
        signed = codec.decode(value, Signed)
        return signed, keyring.open(signed, at_ms, kind)
    except Permanent:
        return None, None
