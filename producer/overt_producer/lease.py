"""May this endpoint capture now? The lease, as a pure state machine.

Fed with every verified beacon and with every tick. It opens only under an unexpired beacon whose
number is not below the highest ever verified, which does not pause this device or its group.
Expiry is measured twice, by the wall clock and by ``CLOCK_BOOTTIME`` since the beacon was accepted,
and the stricter holds. A lease does not survive a suspend, a step of the wall clock or a reboot:
what follows needs a beacon with a *higher* number, one that was made after it.
"""

from dataclasses import dataclass, replace

from overt_producer.identity import Identity
from overt_producer.pipeline.values import Closed, Now
from overt_schemas.records import Beacon
from overt_schemas.signing import stops

# NTP slews 0.5 ms a second; a step or a user's hand moves the clock by more than this.
STEP_TOLERANCE_US = 2_000_000
# The monotonic clock stands still in suspend, the boot clock does not.
SUSPEND_TOLERANCE_US = 1_000_000
# A beacon from the future means that one of both clocks is wrong; a second or two is skew.
FUTURE_TOLERANCE_MS = 10_000
GRAIN_US = 100_000

NO_LEASE = Closed(reason="lease", ended="lease")
PAUSED = Closed(reason="pause", ended="pause")


@dataclass(frozen=True, slots=True, kw_only=True)
class Clocks:
    """How the clocks stood to each other; a change is a step, a suspend or a reboot."""

    wall_less_boot_us: int
    boot_less_mono_us: int

    @classmethod
    def of(cls, now: Now) -> "Clocks":
        """Return it for one reading."""
        boot_us = now.boot_ns // 1000
        return cls(wall_less_boot_us=now.wall_us - boot_us, boot_less_mono_us=boot_us - now.mono_us)

    def differs(self, other: "Clocks") -> bool:
        """Whether something happened between two readings."""
        wall = abs(self.wall_less_boot_us - other.wall_less_boot_us)
        slept = abs(self.boot_less_mono_us - other.boot_less_mono_us)
        return wall > STEP_TOLERANCE_US or slept > SUSPEND_TOLERANCE_US


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """What is known of the right to capture.

    Attributes:
        highest: number of the highest beacon ever verified; kept on disk by the caller.
        floor: beacons up to this number give no lease any more.
        beacon: the one in force, None for none.
        deadline_ns: when it ends by ``CLOCK_BOOTTIME``.
        clocks: as they stood when it was accepted, or at the last tick without a lease.
    """

    highest: int = -1
    floor: int = -1
    beacon: Beacon | None = None
    deadline_ns: int = 0
    clocks: Clocks | None = None


def resumed(highest: int, is_same_boot: bool, clocks: Clocks | None, now: Now) -> Lease:
    """Return the lease of a capture process that starts.

    Args:
        highest: from disk.
        is_same_boot: the machine has not been restarted since that was written.
        clocks: from disk, as they stood then.
        now: at start.
    """
    is_undisturbed = is_same_boot and clocks is not None and not clocks.differs(Clocks.of(now))
    return Lease(
        highest=highest, floor=highest - 1 if is_undisturbed else highest,
        clocks=clocks if is_undisturbed else Clocks.of(now),
    )  # fmt: skip


def heard(lease: Lease, beacon: Beacon, now: Now) -> Lease:
    """Return the lease after a beacon whose signature was verified; older ones change nothing."""
    if beacon.number < lease.highest or beacon.number <= lease.floor:
        return lease
    if lease.beacon is not None and beacon.number == lease.beacon.number:
        return lease
    raised = replace(lease, highest=beacon.number)
    if beacon.issued_ms > now.wall_ms + FUTURE_TOLERANCE_MS:
        return replace(raised, beacon=None)
    left_us = beacon.valid_until_ms * 1000 - now.wall_us
    # A beacon that is accepted once more is still held to the clocks of the first time: many small
    # turns of the clock would else add up to a lease without end.
    is_again = beacon.number == lease.highest and lease.clocks is not None
    return replace(
        raised, beacon=beacon, deadline_ns=now.boot_ns + left_us * 1000,
        clocks=lease.clocks if is_again else Clocks.of(now),
    )  # fmt: skip


def ticked(lease: Lease, now: Now) -> Lease:
    """Return the lease at a moment: gone if it ran out, or if clocks say that time is broken."""
    if lease.clocks is not None and lease.clocks.differs(Clocks.of(now)):
        return replace(lease, beacon=None, floor=lease.highest, clocks=Clocks.of(now))
    if lease.beacon is not None and ends_us(lease, now) <= now.wall_us:
        return replace(lease, beacon=None, floor=lease.highest)
    return lease


def ends_us(lease: Lease, now: Now) -> int:
    """Return when the lease in force ends, in Unix microseconds as the clocks stand now."""
    if lease.beacon is None:
        return 0
    by_boot_us = now.wall_us + (lease.deadline_ns - now.boot_ns) // 1000
    # Two clocks are never read at the very same moment: without this the end would move each tick.
    by_boot_us -= by_boot_us % GRAIN_US
    return min(lease.beacon.valid_until_ms * 1000, by_boot_us)


def verdict(lease: Lease, who: Identity) -> Beacon | Closed:
    """Return the beacon to capture under, or why not."""
    beacon = lease.beacon
    if beacon is None:
        return NO_LEASE
    if who.group in beacon.paused_groups or stops(beacon.tags, who.tag_secret, beacon.number):
        return PAUSED
    return beacon


def policy_of(beacon: Beacon, group: str) -> str:
    """Return the hash of the policy a beacon puts in force for a group, "" for none."""
    return next((ref.policy for ref in beacon.policies if ref.group == group), "")
