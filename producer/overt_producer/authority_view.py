"""What capture knows of the rules: the board, the lease and the person's will, joined to a gate.

One object, asked once a tick: may anything be captured now, and under which terms? Everything it
needs is on disk or in memory; it never waits for the network.
"""

from dataclasses import dataclass

from overt_producer import consent, lease, telemetry
from overt_producer.control import trust
from overt_producer.control.board import Board
from overt_producer.home import Enrolled, Home
from overt_producer.pipeline import Closed, Gate, Now, Permit
from overt_producer.will_store import WillStore, statement_of
from overt_schemas.errors import Refused
from overt_schemas.records import Beacon, Consent, KeyCert, Policy
from overt_schemas.signing import Keyring

# The board is read when it changed, and now and then all the same: keys come into force by time.
REREAD_US = 5_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The policy in force and its hash."""

    name: str
    policy: Policy


class Authority:
    """Joins what the fleet says with what the person wants."""

    def __init__(self, home: Home, enrolled: Enrolled, *, is_synthetic: bool) -> None:
        self._who = home.identity()
        self._enrolled = enrolled
        self._is_synthetic = is_synthetic
        self._board = Board(home.control)
        self._store = WillStore(home.file("will.db"), home.signer(), enrolled.person)
        self._trusted = trust.Trusted(keyring=Keyring(root=enrolled.root_public))
        self._seen: tuple[int, int] = (-1, 0)
        self._lease: lease.Lease | None = None
        self.will = self._store.will()
        self._stated = self._store.stated()

    def close(self) -> None:
        """Let go of the files."""
        self._board.close()
        self._store.close()

    def look(self, now: Now) -> None:
        """Take in what changed since the last tick."""
        held = self._lease or lease.resumed(*self._store.highest(), now)
        version, read_us = self._board.version(), now.wall_us
        if version != self._seen[0] or abs(read_us - self._seen[1]) > REREAD_US:
            before = self._trusted.rejected
            self._trusted = trust.read(self._board, self._trusted, now.wall_ms)
            if self._trusted.rejected > before:
                telemetry.control_rejected(self._trusted.rejected)
            self._seen = (version, read_us)
        after = lease.ticked(held, now)
        if self._trusted.beacon is not None:
            after = lease.heard(after, self._trusted.beacon, now)
            after = lease.ticked(after, now)
        if after.highest != held.highest or after.beacon != held.beacon:
            self._store.save_highest(after.highest, after.clocks)
        self._lease = after

    def save(self, will: consent.Will) -> None:
        """Remember what the person wants; on disk when this returns."""
        self.will = will
        self._store.save_will(will)

    def unstated(self) -> Consent | None:
        """Return the last decision while the fleet has not been told of it."""
        receipt = self.will.receipt
        if receipt is None or statement_of(receipt) == self._stated:
            return None
        return receipt

    def stated(self, receipt: Consent) -> None:
        """Remember that a decision was spooled."""
        self._store.save_stated(receipt)
        self._stated = statement_of(receipt)

    @property
    def highest(self) -> int:
        """Number of the highest beacon verified, -1 for none."""
        return self._lease.highest if self._lease else -1

    def until_us(self, now: Now) -> int:
        """Return when the lease in force ends, 0 for none."""
        return lease.ends_us(self._lease, now) if self._lease else 0

    def processors(self, now: Now) -> KeyCert | None:
        """Return the key to seal to."""
        return self._trusted.processors(now.wall_ms)

    def beacon(self) -> Beacon | Closed:
        """Return the beacon to capture under, or why not."""
        if self._lease is None:
            return lease.NO_LEASE
        return lease.verdict(self._lease, self._who)

    def rules(self) -> Rules | None:
        """Return the policy in force for this endpoint, None while it is unknown.

        Raises:
            Refused: a policy for real persons and a scripted source, or the other way round.
        """
        beacon = self._lease.beacon if self._lease else None
        if beacon is None:
            return None
        name = lease.policy_of(beacon, self._who.group)
        policy = self._trusted.policies.get(name)
        if policy is None or policy.group != self._who.group:
            return None
        if policy.synthetic != self._is_synthetic:
            raise Refused(
                "this group is for simulated persons: use --source scripted"
                if policy.synthetic
                else "this group is for real persons: a scripted source may not run here",
                reason="source",
            )
        return Rules(name=name, policy=policy)

    def newest_policy(self) -> Policy | None:
        """Return the newest policy of this group, with or without a lease: how long to keep."""
        own = [p for p in self._trusted.policies.values() if p.group == self._who.group]
        return max(own, key=lambda policy: policy.version, default=None)

    def gate(self, now: Now) -> Gate:
        """Return what holds now, but for the indicator and the disk."""
        if self.will.is_opted_out:
            return consent.NO_CONSENT
        beacon = self.beacon()
        if isinstance(beacon, Closed):
            return beacon
        rules = self.rules()
        if rules is None or self.processors(now) is None:
            return lease.NO_LEASE
        covering = consent.covers(self.will, rules.name)
        if isinstance(covering, Closed):
            return covering
        return Permit(
            beacon=beacon.number, until_us=self.until_us(now), policy=rules.name,
            rules=rules.policy, consent=covering, person=self._enrolled.person,
        )  # fmt: skip
