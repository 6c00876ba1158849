"""Only what a processor in force signed says anything about sessions."""

from dataclasses import replace

import pytest

from overt_processors.core.sessions.reading import Ended, Expired, Missed, Seen, read
from overt_schemas import codec
from overt_schemas.errors import Permanent
from overt_schemas.ids import Stream
from overt_schemas.records import Marker, Part
from overt_schemas.signing import Keyring, SigningKey
from tests.processors.parts import PERSON, PartsOf
from tests.processors.world import START_MS, World

WORLD = World()
RING = Keyring(root=WORLD.root.public_bytes()).accept(WORLD.key_set())


def test_parts_and_marks_say_what_they_are() -> None:
    parts = PartsOf(WORLD.signer)

    first, _ = [read(value, RING, START_MS) for value in parts.begin()]
    gone = read(parts.tombstone(Stream.FRAME), RING, START_MS)

    assert first == Seen(
        device=parts.device, boot=parts.boot, activity=0, person=PERSON, stream=0, batch=0,
        first=True, final=False,
    )  # fmt: skip
    assert gone == Missed(device=parts.device, boot=parts.boot, stream=1, batch=1)
    assert read(parts.boot_end(), RING, START_MS) == Ended(device=parts.device, boot=parts.boot)
    assert read(parts.notice(), RING, START_MS) == Expired()


@pytest.mark.parametrize("what", ["part", "mark"])
@pytest.mark.parametrize("change", ["signature", "header", "stranger"])
def test_what_nobody_in_force_signed_is_refused(what: str, change: str) -> None:
    signer = SigningKey.generate("sign-9") if change == "stranger" else WORLD.signer
    parts = PartsOf(signer)
    parts.activity = 0
    record: Part | Marker = (
        codec.decode(parts.part(Stream.INPUT), Part)
        if what == "part"
        else codec.decode(parts.boot_end(), Marker)
    )
    if change != "stranger":
        old = getattr(record, change)
        record = replace(record, **{change: old[:-1] + bytes([old[-1] ^ 1])})

    with pytest.raises(Permanent) as caught:
        read(codec.encode(record), RING, START_MS)

    reasons = {"signature": {"signature"}, "header": {"signature"}, "stranger": {"unknown_key"}}
    assert caught.value.reason in reasons[change] | ({"header"} if what == "part" else set())


@pytest.mark.parametrize("value", [None, b"", b"\x00", b"\x01\x00\x00\x00\x01", b"rubbish"])
def test_what_is_no_record_is_refused(value: bytes | None) -> None:
    with pytest.raises(Permanent):
        read(value, RING, START_MS)


@pytest.mark.parametrize("field", ["device", "boot", "activity"])
def test_a_signed_part_that_says_what_cannot_be_is_refused(field: str) -> None:
    parts = PartsOf(WORLD.signer)
    parts.activity = 2**31 if field == "activity" else 0
    if field != "activity":
        setattr(parts, field, bytes(15))

    with pytest.raises(Permanent, match=r"length|cannot be"):
        read(parts.part(Stream.INPUT), RING, START_MS)
