"""What differs between a stack for a day's work and one for a demonstration."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """Seconds between beacons, and how long each is valid: the longest a lost pause can last."""

    beacon_interval_s: int = 20
    beacon_valid_s: int = 900


DEMO = Tuning(beacon_interval_s=5, beacon_valid_s=60)
