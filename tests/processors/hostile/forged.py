"""Lies about who, for whom, when and under what: each field true somewhere, and not here.

And what is true and was sent before: a replay may give an equal part and nothing else, a cloned
laptop's other batch of the same number must be told apart.
"""

from dataclasses import replace
from random import Random

from overt_schemas import codec
from overt_schemas.envelope import batch as envelope
from overt_schemas.envelope import header as clear
from overt_schemas.ids import Stream, new_id
from overt_schemas.records import PeriodHeader, SealedBatch
from overt_schemas.signing import SigningKey, device_key_id
from overt_schemas.testing import ScriptedDevice
from overt_schemas.topics import RAW
from tests.processors.hostile.cast import (
    HOUR_MS,
    LATER,
    OLD,
    OTHER_PERSON,
    Cast,
    Fate,
    Hostile,
    Sender,
    good,
    record,
)
from tests.processors.hostile.spoilt import boot_end
from tests.processors.world import START_MS


def _any(chance: Random) -> Stream:
    return chance.choice(list(Stream))


def _as(cast: Cast, **changes: object) -> Sender:
    """Return the hostile device with another period: signed by it, whatever it says."""
    own = cast.hostile.device
    fields = {slot: getattr(own, slot) for slot in ScriptedDevice.__slots__}
    return Sender.of(ScriptedDevice(**{**fields, **changes}))


def another_signer(chance: Random, cast: Cast) -> Hostile:
    """The victim's name under a key that is not the victim's."""
    victim, stream = cast.victim, _any(chance)
    head = PeriodHeader(
        version=1, device=victim.device.device, boot=victim.device.boot, period=1,
        person=victim.device.person, started_us=START_MS * 1000, policy=victim.device.policy,
        consent=victim.device.consent, processor_key=victim.device.processor_key,
    )  # fmt: skip
    forger = SigningKey(device_key_id(victim.device.device), chance.randbytes(32))
    period = envelope.open_period(head, victim.device.processor.public_bytes(), forger)
    sender = Sender(device=victim.device, period=period)
    return record("another_signer", victim, sender.seal(good(stream), stream), stream, "signature")


def own_period_for_another(chance: Random, cast: Cast) -> Hostile:
    """The hostile device's own period and key under the victim's name: it opens, and lies."""
    stream, victim = _any(chance), cast.victim.device
    made = cast.hostile.seal(good(stream), stream, device=victim.device, boot=victim.boot)
    return record("own_period_for_another", cast.victim, made, stream, "signature period")


def stranger(chance: Random, cast: Cast) -> Hostile:
    """A device that nobody enrolled."""
    stream = _any(chance)
    made = cast.stranger.seal(good(stream), stream)
    return record("stranger", cast.stranger, made, stream, "unknown_device")


def revoked(chance: Random, cast: Cast) -> Hostile:
    """A device that was cut off; its tombstones, too."""
    sender, stream = cast.revoked, _any(chance)
    if chance.random() < 0.3:
        sealed = envelope.seal_batch(
            sender.period, sender.head(stream), codec.pack(good(stream)), sender.device.signer
        )
        drop = envelope.drop(sealed.tombstone, "forget", sender.device.signer)
        return record("revoked", sender, drop, stream, "device_revoked")
    return record("revoked", sender, sender.seal(good(stream), stream), stream, "device_revoked")


def another_person(chance: Random, cast: Cast) -> Hostile:
    """For somebody the device never sealed for, or nobody at all."""
    stream = _any(chance)
    person = chance.choice((OTHER_PERSON, "p-ffffffffffffffff", "", "../p", "p" * 4096))
    sender = _as(cast, person=person)
    reason = "wrong_person" if person == OTHER_PERSON else "unknown_person"
    reason = "period" if len(person) > 1000 else reason
    return record("another_person", sender, sender.seal(good(stream), stream), stream, reason)


def another_consent(chance: Random, cast: Cast) -> Hostile:
    """Under a consent of nobody, or of another device; under a policy of nobody."""
    stream = _any(chance)
    changes, reason = chance.choice((
        ({"consent": "c-ffffffffffffffff"}, "unknown_consent"),
        ({"consent": cast.victim.device.consent}, "no_consent"),
        ({"policy": "f" * 64}, "no_consent"),
        ({"processor_key": "seal-never"}, "unknown_epoch"),
    ))  # fmt: skip
    sender = _as(cast, **changes)
    return record("another_consent", sender, sender.seal(good(stream), stream), stream, reason)


def withdrawn(chance: Random, cast: Cast) -> Hostile:
    """After the consent was withdrawn."""
    stream, sender = _any(chance), cast.withdrawn
    made = sender.seal(good(stream, START_MS + chance.randint(0, 9000)), stream)
    return record("withdrawn", sender, made, stream, "no_consent")


def paused(chance: Random, cast: Cast) -> Hostile:
    """After the device was paused."""
    stream, sender = _any(chance), cast.paused
    return record("paused", sender, sender.seal(good(stream), stream), stream, "after_pause")


def beacons(chance: Random, cast: Cast) -> Hostile:
    """Under no beacon, one of long ago, or one of later."""
    stream = _any(chance)
    number = chance.choice((OLD, LATER, 0, 99, 2**62))
    reason = "outside_lease" if number in {OLD, LATER} else "unknown_beacon"
    made = cast.hostile.seal(good(stream), stream, beacon=number)
    return record("beacons", cast.hostile, made, stream, reason)


def times(chance: Random, cast: Cast) -> Hostile:
    """Captured before the beacon it names, or after its end; years before, years after."""
    stream = _any(chance)
    away_ms = chance.choice((-11_000, 71_000, HOUR_MS, -HOUR_MS, 10**11, -(10**11)))
    made = cast.hostile.seal(good(stream, START_MS + away_ms), stream)
    reasons = "outside_lease wrong_person no_consent"
    return record("times", cast.hostile, made, stream, reasons)


def another_wrap(chance: Random, cast: Cast) -> Hostile:
    """A content key wrapped for other processors than it names."""
    sender = _as(cast, processor=STRANGE_PROCESSOR)
    return record("another_wrap", sender, sender.seal(good()), Stream.INPUT, "wrap")


STRANGE_PROCESSOR = ScriptedDevice().processor


def transplanted_header(chance: Random, cast: Cast) -> Hostile:
    """The victim's batch under a header that says something else."""
    victim, stream = cast.victim, _any(chance)
    made = victim.seal(good(stream), stream)
    head = clear.unpack(made.header)
    other = Stream.FRAME if stream is Stream.INPUT else Stream.INPUT
    change, reason = chance.choice((
        ({"batch": head.batch + 1}, "tag"), ({"segment": 7}, "tag"), ({"beacon": OLD}, "tag"),
        ({"previous": chance.randbytes(32)}, "tag"), ({"boot": new_id()}, "period"),
        ({"period": 1}, "period"), ({"stream": other}, "stream"),
        ({"device": cast.hostile.device.device}, "key"),
    ))  # fmt: skip
    spoilt = replace(made, header=replace(head, **change).pack())
    return record("transplanted_header", victim, spoilt, stream, reason)


def transplanted_period(chance: Random, cast: Cast) -> Hostile:
    """The victim's batch under another period: another device's, or the victim's own other one."""
    victim = cast.victim
    made = victim.seal(good())
    other = chance.choice((cast.hostile.period, victim.device.period(1, START_MS * 1000)))
    spoilt = replace(
        made, period=other.packed, wrap=other.wrap, period_signature=other.signature
    )  # fmt: skip
    return record("transplanted_period", victim, spoilt, Stream.INPUT, "signature period")


def transplanted_content(chance: Random, cast: Cast) -> Hostile:
    """One batch's ciphertext in another, under one key."""
    one, two = cast.victim.seal(good()), cast.victim.seal(good())
    spoilt = SealedBatch(
        period=one.period, wrap=one.wrap, period_signature=one.period_signature,
        header=one.header, iv=two.iv, ciphertext=two.ciphertext,
    )  # fmt: skip
    return record("transplanted_content", cast.victim, spoilt, Stream.INPUT, "tag")


def forged_tombstone(chance: Random, cast: Cast) -> Hostile:
    """What ship, which has no signing key, can try with a tombstone."""
    victim, stream = cast.victim, _any(chance)
    sealed = envelope.seal_batch(
        victim.period, victim.head(stream), codec.pack(good(stream)), victim.device.signer
    )
    drop = envelope.drop(sealed.tombstone, "age")
    spoilt, reason = chance.choice((
        (replace(drop, reason="forget"), "signature"),
        (replace(drop, reason="opt_out"), "signature"),
        (replace(drop, reason=""), "tombstone"), (replace(drop, reason="because"), "tombstone"),
        (replace(drop, content_hash=bytes(32)), "signature"),
        (replace(drop, header=victim.head(stream).pack()), "signature"),
    ))  # fmt: skip
    return record("forged_tombstone", victim, spoilt, stream, reason)


def forged_boot_end(chance: Random, cast: Cast) -> Hostile:
    """A boot end of another device, of counts no boot can hold, or signed by another key."""
    victim = cast.victim
    change, reason = chance.choice((
        ({"device": bytes(16)}, "header"), ({"person": "p-other"}, "unknown_person"),
        ({"person": OTHER_PERSON}, "wrong_person"), ({"at_us": 0}, "time"),
        ({"input_batches": -1}, "bounds"), ({"frame_batches": 2**60}, "bounds"),
    ))  # fmt: skip
    signer = victim.device.signer
    if chance.random() < 0.3:
        signer, change, reason = SigningKey(signer.key_id, chance.randbytes(32)), {}, "signature"
    signed = signer.sign_record(boot_end(cast, **change))
    return record("forged_boot_end", victim, signed, Stream.INPUT, reason)


def elsewhere(chance: Random, cast: Cast) -> Hostile:
    """The victim's batch sent again on the other topic, or under another device's key."""
    victim, stream = cast.victim, _any(chance)
    value = codec.encode(victim.seal(good(stream), stream))
    if chance.random() < 0.5:
        other = Stream.FRAME if stream is Stream.INPUT else Stream.INPUT
        key, topic, reason = victim.device.device, RAW[other], "stream"
    else:
        key, topic, reason = cast.hostile.device.device, RAW[stream], "key"
    return Hostile(kind="elsewhere", topic=topic, key=key, value=value, reasons=frozenset({reason}))


def replayed(chance: Random, cast: Cast) -> Hostile:
    """The victim's very first batch, or its first tombstone, once more: as it was."""
    made = cast.world.__dict__.setdefault("_first", cast.victim.seal(good()))
    return record("replayed", cast.victim, made, Stream.INPUT, fate=Fate.SAME)


def cloned(chance: Random, cast: Cast) -> Hostile:
    """A laptop and its copy: batch 0 of one boot, with other content in each."""
    sender = cast.world.__dict__.setdefault("_clone", _as(cast, boot=bytes([0xC1]) * 16))
    made = sender.seal(good(Stream.INPUT, START_MS + chance.randint(0, 1000)), batch=0)
    return record("cloned", sender, made, Stream.INPUT, fate=Fate.CLONE)
