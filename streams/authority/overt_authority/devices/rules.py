"""What the registry lets a device do, and what an enrolment must bring. Pure."""

from dataclasses import replace

from overt_schemas.errors import Malformed
from overt_schemas.records import Device, PauseSpan

ACTIVE = "active"
REVOKED = "revoked"
TOKEN_LIFE_MS = 3_600_000  # long enough to walk to the machine, too short to be found in a mail
SIGNING_KEY_BYTES = 32


def check_signing_key(key: bytes) -> None:
    """Return if the bytes can be an Ed25519 public key."""
    if len(key) != SIGNING_KEY_BYTES:
        raise Malformed("a signing key has 32 bytes", reason="signing_key")


def seals_for(device: Device, person: str) -> bool:
    """Return whether the device ever sealed for that person."""
    return any(span.person == person for span in device.spans)


def holder(device: Device, at_ms: int) -> str | None:
    """Return for whom the device may seal at that time."""
    for span in device.spans:
        if span.from_ms <= at_ms and (span.to_ms == 0 or at_ms < span.to_ms):
            return span.person
    return None


def is_stopped(device: Device) -> bool:
    """Return whether a beacon must carry the device's tag."""
    return device.state != ACTIVE or any(span.to_ms == 0 for span in device.pauses)


def pause(device: Device, now_ms: int) -> Device:
    """Return the device with an open pause."""
    if any(span.to_ms == 0 for span in device.pauses):
        return device
    return replace(device, pauses=(*device.pauses, PauseSpan(from_ms=now_ms, to_ms=0)))


def resume(device: Device, now_ms: int) -> Device:
    """Return the device with its pauses ended."""
    ended = tuple(replace(s, to_ms=now_ms) if s.to_ms == 0 else s for s in device.pauses)
    return replace(device, pauses=ended)
