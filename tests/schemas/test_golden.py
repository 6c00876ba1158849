"""What was sealed once opens for ever. Files in `tests/golden` are only added (make.py)."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, TypeVar

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from overt_schemas import codec, hpke, records, signing
from overt_schemas.catalogue import IDS, schema, schema_by_id
from overt_schemas.envelope import batch, header, marks, padding, part
from overt_schemas.signing import SigningKey

GOLDEN = Path(__file__).parent.parent / "golden"
VERSIONS = sorted(GOLDEN.glob("sealed-v*.json"))
SIGNED = [IDS[number] for number in range(31, 40)]


R = TypeVar("R")


class Golden:
    """One golden file: its keys, and its records by name."""

    def __init__(self, path: Path) -> None:
        self.data: dict[str, Any] = json.loads(path.read_text("utf-8"))
        self.keys = {k: bytes.fromhex(v) for k, v in self.data["keys"].items()}
        self.plain = bytes.fromhex(self.data["plain"])
        self.padded = bytes.fromhex(self.data["padded"])

    def framed(self, name: str) -> bytes:
        return bytes.fromhex(self.data["framed"][name])

    def record(self, name: str, kind: type[R]) -> R:
        return codec.decode(self.framed(name), kind)

    def public(self, name: str) -> bytes:
        return SigningKey(name, self.keys[f"{name}_seed"]).public_bytes()


@pytest.fixture(params=VERSIONS, ids=lambda p: p.stem)
def golden(request: pytest.FixtureRequest) -> Golden:
    return Golden(request.param)


def test_there_is_a_golden_file() -> None:
    assert VERSIONS


def test_a_batch_opens_with_the_epochs_private_key(golden: Golden) -> None:
    record = golden.record("batch", records.SealedBatch)
    epoch = hpke.PrivateKey.from_bytes(golden.keys["epoch_private"])

    period = batch.verify_period(record, golden.public("device"))
    plain = batch.open_batch(record, batch.content_key(record, epoch))

    assert period.person == "p-0123456789abcdef"
    assert plain == golden.plain
    assert codec.unpack(records.InputBatch, plain).kind == b"\x04"
    assert batch.hash_of(record).hex() == golden.data["batch_hash"]


def test_sealing_a_batch_again_gives_the_same_bytes(
    golden: Golden, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = golden.record("batch", records.SealedBatch)
    period = batch.Period(
        header=batch.period_of(record), packed=record.period, wrap=record.wrap,
        signature=record.period_signature, key=AESGCM(golden.keys["content_key"]),
    )  # fmt: skip
    signer = SigningKey("device", golden.keys["device_seed"])
    # zstd may compress better in a later version; the layers above may not change
    monkeypatch.setattr(padding, "pack", {golden.plain: golden.padded}.__getitem__)

    head = header.unpack(record.header)
    sealed = batch.seal_batch(period, head, golden.plain, signer, golden.keys["iv"])

    assert codec.encode(sealed.record) == golden.framed("batch")
    assert codec.encode(batch.drop(sealed.tombstone, "forget", signer)) == golden.framed(
        "tombstone"
    )


def test_padding_opens_and_keeps_its_size(golden: Golden) -> None:
    assert padding.unpack(golden.padded) == golden.plain
    assert padding.unpack(padding.pack(golden.plain)) == golden.plain
    assert len(golden.padded) == padding.padme(len(golden.padded))


def test_a_tombstone_verifies_and_names_the_batch(golden: Golden) -> None:
    record = golden.record("tombstone", records.Tombstone)

    batch.verify_tombstone(record, golden.public("device"))
    batch.verify_period(record, golden.public("device"))

    assert batch.hash_of(record).hex() == golden.data["batch_hash"]
    assert record.reason == "forget"


def test_a_boot_end_verifies(golden: Golden) -> None:
    signed = golden.record("boot_end", records.Signed)

    end = signing.open_record(signed, golden.public("device"), records.BootEnd)

    assert signed.key_id == signing.device_key_id(end.device)
    assert (end.input_batches, end.frame_batches, end.clean) == (42, 40, False)


def test_a_part_opens_with_the_persons_private_key(golden: Golden) -> None:
    record = golden.record("part", records.Part)
    person = hpke.PrivateKey.from_bytes(golden.keys["person_private"])

    segment, head = part.verify_part(record, golden.public("processor"))
    key = person.unwrap(record.wrap, part.segment_info(record.segment))
    padded = part.open_part(record, part.data_key(segment, key))

    assert key == golden.keys["data_key"]
    assert padded == golden.padded
    assert head.batch == 41
    assert head.raw.hex() == golden.data["batch_hash"]
    assert part.segment_info(record.segment).hex() == golden.data["segment_info"]


def test_sealing_a_part_again_gives_the_same_bytes(golden: Golden) -> None:
    record = golden.record("part", records.Part)
    segment = part.Segment(
        header=part.load(part.SegmentHeader, record.segment), packed=record.segment,
        info=part.segment_info(record.segment), wrap=record.wrap, person_key=record.person_key,
        key=AESGCM(golden.keys["data_key"]),
    )  # fmt: skip
    signer = SigningKey("processor", golden.keys["processor_seed"])

    head = part.load(part.PartHeader, record.header)
    sealed = part.seal_part(segment, head, golden.padded, signer, golden.keys["iv"])

    assert codec.encode(sealed) == golden.framed("part")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("tombstone", marks.TombstoneMark),
        ("boot_end", marks.BootEndMark),
        ("notice", marks.NoticeMark),
    ],
)
def test_a_mark_verifies_and_is_written_the_same(golden: Golden, name: str, kind: type) -> None:
    marker = golden.record(f"mark_{name}", records.Marker)
    signer = SigningKey(marker.processor, golden.keys["processor_seed"])

    mark = marks.verify_mark(marker, golden.public("processor"))

    assert type(mark) is kind
    assert marker.evidence == (golden.framed(name) if name != "notice" else b"")
    again = marks.seal_mark(mark, marker.evidence, signer)
    assert codec.encode(again) == golden.framed(f"mark_{name}")


@pytest.mark.parametrize("name", SIGNED)
def test_a_signed_record_verifies_and_is_written_the_same(golden: Golden, name: str) -> None:
    framed = golden.framed(f"signed_{name}")
    signed = codec.decode(framed, records.Signed)
    signer = SigningKey(signed.key_id, golden.keys["authority_seed"])

    kind: type[Any] = getattr(records, name)
    record = signing.open_record(signed, golden.public("authority"), kind)

    if signed.schema == schema(name).id:  # else an older version: read for ever, written no more
        assert codec.encode(signer.sign_record(record)) == framed


def test_a_beacon_tag_stays_the_same(golden: Golden) -> None:
    tag = golden.data["beacon_tag"]

    assert signing.beacon_tag(bytes.fromhex(tag["secret"]), tag["number"]).hex() == tag.get("tag")


def test_make_never_writes_a_file_twice() -> None:
    before = VERSIONS[0].read_bytes()
    command = [sys.executable, str(GOLDEN / "make.py"), "1"]

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert "never written again" in done.stderr
    assert VERSIONS[0].read_bytes() == before


def test_a_policy_of_before_thinning_thins_nothing() -> None:
    old = Golden(GOLDEN / "sealed-v1.json").record("signed_Policy", records.Signed)

    policy = codec.unpack_by(schema_by_id(old.schema), old.body)

    assert old.schema == 32
    assert (policy.move_tolerance_px, policy.frame_floor_ms, policy.scene_percent) == (0, 0, 100)
