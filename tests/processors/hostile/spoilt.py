"""Bytes that were changed, cut, mixed, mislabelled or made up: nothing here was ever sealed so."""

import struct
from random import Random

from overt_schemas import codec
from overt_schemas.catalogue import IDS
from overt_schemas.envelope import batch as envelope
from overt_schemas.ids import Stream
from overt_schemas.records import BootEnd, Presence, SealedBatch
from overt_schemas.topics import FRAME, INPUT, RAW
from tests.processors.hostile.cast import Cast, Hostile, good
from tests.processors.world import START_MS

FRAMED = struct.Struct(">BI")


def genuine(chance: Random, cast: Cast) -> tuple[Stream, bytes]:
    """Return the bytes of something honest of the victim: a batch, a tombstone, a boot end."""
    victim = cast.victim
    stream = chance.choice(list(Stream))
    # What is never sent as it is uses up no number.
    number = victim.device.batches
    sealed = envelope.seal_batch(
        victim.period, victim.head(stream), codec.pack(good(stream)), victim.device.signer
    )
    victim.device.batches = number
    which = chance.randrange(6)
    if which == 0:
        signer = victim.device.signer
        return stream, codec.encode(envelope.drop(sealed.tombstone, "forget", signer))
    if which == 1 and stream is Stream.INPUT:
        return stream, codec.encode(victim.device.signer.sign_record(boot_end(cast)))
    return stream, codec.encode(sealed.record)


def boot_end(cast: Cast, **changes: object) -> BootEnd:
    """Return what the victim's capture says at its start."""
    device = cast.victim.device
    fields: dict[str, object] = {
        "device": device.device, "boot": bytes([9]) * 16, "next_boot": device.boot,
        "input_batches": 4, "frame_batches": 4, "at_us": START_MS * 1000, "clean": True,
        "person": device.person,
    }  # fmt: skip
    return BootEnd(**{**fields, **changes})  # type: ignore[arg-type]


def _of_victim(kind: str, cast: Cast, stream: Stream, value: bytes, reasons: str = "") -> Hostile:
    return Hostile(
        kind=kind, topic=RAW[stream], key=cast.victim.device.device, value=value,
        reasons=frozenset(reasons.split()),
    )  # fmt: skip


def flipped(chance: Random, cast: Cast) -> Hostile:
    """One to eight bits differ."""
    stream, value = genuine(chance, cast)
    changed = bytearray(value)
    for at in chance.sample(range(len(value) * 8), chance.randint(1, 8)):
        changed[at // 8] ^= 1 << at % 8
    return _of_victim("flipped", cast, stream, bytes(changed))


def truncated(chance: Random, cast: Cast) -> Hostile:
    """The end is missing."""
    stream, value = genuine(chance, cast)
    return _of_victim("truncated", cast, stream, value[: chance.randrange(len(value))])


def inserted(chance: Random, cast: Cast) -> Hostile:
    """Bytes too many, somewhere."""
    stream, value = genuine(chance, cast)
    at, more = chance.randint(0, len(value)), chance.randbytes(chance.randint(1, 64))
    return _of_victim("inserted", cast, stream, value[:at] + more + value[at:])


def noise(chance: Random, cast: Cast) -> Hostile:
    """Nothing but noise, sometimes under a good label."""
    stream = chance.choice(list(Stream))
    value = chance.randbytes(chance.randint(0, 4096))
    if chance.random() < 0.5:
        value = FRAMED.pack(0, chance.choice((1, 2, 5))) + value
    return _of_victim("noise", cast, stream, value)


def spliced(chance: Random, cast: Cast) -> Hostile:
    """The head of one record and the tail of another."""
    stream, value = genuine(chance, cast)
    _, other = genuine(chance, cast)
    head = value[: chance.randint(1, len(value) - 1)]
    tail = other[chance.randint(1, len(other) - 1) :]
    return _of_victim("spliced", cast, stream, head + tail)


def doubled(chance: Random, cast: Cast) -> Hostile:
    """A record and another behind it."""
    stream, value = genuine(chance, cast)
    return _of_victim("doubled", cast, stream, value * 2, "malformed")


def mislabelled(chance: Random, cast: Cast) -> Hostile:
    """A batch under the schema id of something else, ours or nobody's."""
    victim = cast.victim
    stream = chance.choice(list(Stream))
    number = victim.device.batches
    value = codec.encode(victim.seal(good(stream), stream))
    victim.device.batches = number
    known = [i for i in IDS if IDS[i] != "SealedBatch"]
    other = chance.choice([*known, 0, 999, chance.getrandbits(32) | 1 << 31])
    magic = 0 if chance.random() < 0.8 else chance.randint(1, 255)
    return _of_victim("mislabelled", cast, stream, FRAMED.pack(magic, other) + value[FRAMED.size :])


def misplaced(chance: Random, cast: Cast) -> Hostile:
    """A record of another topic, whole and signed by who may sign it there."""
    world = cast.world
    presence = Presence(
        device=cast.victim.device.device, boot=cast.victim.device.boot, number=1, at_ms=START_MS,
        capturing=True, beacon=2, input_batches=1, frame_batches=1, stopped_ms=0, reason=b"",
    )  # fmt: skip
    records = (
        world.policy, world.key_set(), cast.victim.device.signer.sign_record(presence),
        good(Stream.INPUT), good(Stream.FRAME), world.policy_record, world.device,
    )  # fmt: skip
    stream = chance.choice(list(Stream))
    value = codec.encode(chance.choice(records))
    return _of_victim(
        "misplaced", cast, stream, value, "schema_not_allowed key signature malformed"
    )


def miskeyed(chance: Random, cast: Cast) -> Hostile:
    """A good batch under no key, an odd one, or somebody else's."""
    victim = cast.victim
    stream = chance.choice(list(Stream))
    value = codec.encode(victim.seal(good(stream), stream))
    keys = (None, b"", b"x", cast.hostile.device.device, victim.device.device[:-1], bytes(40_000))
    return Hostile(
        kind="miskeyed", topic=RAW[stream], key=chance.choice(keys), value=value,
        reasons=frozenset({"key"}),
    )  # fmt: skip


def empty(chance: Random, cast: Cast) -> Hostile:
    """No value, or one of nothing."""
    value = chance.choice((None, b"", b"\0"))
    topic = chance.choice((INPUT, FRAME))
    return Hostile(
        kind="empty", topic=topic, key=cast.victim.device.device, value=value,
        reasons=frozenset({"empty", "malformed"}),
    )  # fmt: skip


def oversized(chance: Random, cast: Cast) -> Hostile:
    """More than a part may hold, and less than the broker refuses."""
    value = FRAMED.pack(0, 1) + bytes(chance.randint(1_000_001, 1_040_000))
    return _of_victim("oversized", cast, chance.choice(list(Stream)), value, "size")


def fields_of_another(chance: Random, cast: Cast) -> Hostile:
    """One field of a batch replaced by noise, by nothing, or by the same of another device."""
    number = cast.victim.device.batches
    own, other = cast.victim.seal(good()), cast.hostile.seal(good())
    cast.victim.device.batches = number
    name = chance.choice(SealedBatch.__slots__)
    size = len(getattr(own, name))
    value = chance.choice((getattr(other, name), b"", chance.randbytes(size), bytes(size * 3)))
    fields = {slot: getattr(own, slot) for slot in SealedBatch.__slots__}
    spoilt = codec.encode(SealedBatch(**{**fields, name: value}))
    return _of_victim("fields_of_another", cast, Stream.INPUT, spoilt)
