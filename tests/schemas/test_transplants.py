"""No header field can be changed, and no piece of one record serves in another."""

from dataclasses import replace
from typing import Any

import pytest

from overt_schemas import codec, hpke
from overt_schemas.envelope import batch, header, marks, part
from overt_schemas.errors import Malformed, Untrusted
from overt_schemas.records import Marker, Part, PeriodHeader, SealedBatch, Tombstone
from overt_schemas.signing import Domain
from tests.schemas.samples import (
    EPOCH,
    ONE,
    PERSON_KEY,
    PROCESSOR,
    SIGNER,
    TWO,
    names,
    open_raw,
    open_sealed,
    other,
    tombstone_mark,
)

REFUSED = (Untrusted, Malformed)
RAW, TWIN = ONE.sealed.record, TWO.sealed.record
FORGET = batch.drop(ONE.sealed.tombstone, "forget", SIGNER)
FORGET_TWIN = batch.drop(TWO.sealed.tombstone, "forget", SIGNER)


def _check_tombstone(record: Tombstone) -> None:
    batch.verify_period(record, SIGNER.public_bytes())
    batch.verify_tombstone(record, SIGNER.public_bytes())


def _check_mark(marker: Marker) -> None:
    marks.verify_mark(marker, PROCESSOR.public_bytes())


def test_what_is_not_changed_opens() -> None:
    assert [open_raw(RAW), open_raw(TWIN)] == [ONE.plain, TWO.plain]
    assert [open_sealed(ONE.part), open_sealed(TWO.part)] == [ONE.opened, TWO.opened]
    for record in (FORGET, FORGET_TWIN, batch.drop(ONE.sealed.tombstone, "age")):
        _check_tombstone(record)
    for marker in (ONE.mark, TWO.mark):
        _check_mark(marker)


@pytest.mark.parametrize("name", names(header.ClearHeader))
def test_a_changed_field_of_the_clear_header_does_not_open(name: str) -> None:
    head = header.unpack(RAW.header)
    changed = replace(head, **{name: other(getattr(head, name))}).pack()
    assert changed != RAW.header

    with pytest.raises(REFUSED):
        open_raw(replace(RAW, header=changed))
    with pytest.raises(Untrusted):  # the seal alone, whatever else is checked
        batch.open_batch(replace(RAW, header=changed), ONE.period.key)


@pytest.mark.parametrize("name", names(header.ClearHeader))
def test_a_changed_field_of_the_clear_header_makes_no_tombstone(name: str) -> None:
    head = header.unpack(FORGET.header)
    changed = replace(head, **{name: other(getattr(head, name))}).pack()

    with pytest.raises(Untrusted):
        batch.verify_tombstone(replace(FORGET, header=changed), SIGNER.public_bytes())


@pytest.mark.parametrize("name", names(PeriodHeader))
def test_a_changed_field_of_the_period_header_is_untrusted(name: str) -> None:
    period = ONE.period.header
    changed = codec.pack(replace(period, **{name: other(getattr(period, name))}))

    with pytest.raises(Untrusted):
        batch.verify_period(replace(RAW, period=changed), SIGNER.public_bytes())
    with pytest.raises(Untrusted):  # the wrap alone, were the signature not checked
        _open_unverified(replace(RAW, period=changed))


def _open_unverified(record: SealedBatch) -> bytes:
    return batch.open_batch(record, batch.content_key(record, EPOCH))


@pytest.mark.parametrize("name", names(SealedBatch))
def test_no_piece_of_another_batch_fits(name: str) -> None:
    with pytest.raises(REFUSED):
        open_raw(replace(RAW, **{name: getattr(TWIN, name)}))


def test_no_two_pieces_of_another_batch_fit() -> None:
    pieces = names(SealedBatch)
    mixed = [
        replace(RAW, **{a: getattr(TWIN, a), b: getattr(TWIN, b)})
        for i, a in enumerate(pieces)
        for b in pieces[i + 1 :]
    ]

    for record in mixed:
        with pytest.raises(REFUSED):
            open_raw(record)


@pytest.mark.parametrize("name", names(Tombstone))
def test_no_piece_of_another_tombstone_fits(name: str) -> None:
    if name == "reason":
        changed = replace(FORGET, reason="opt_out")
    else:
        changed = replace(FORGET, **{name: getattr(FORGET_TWIN, name)})

    with pytest.raises(REFUSED):
        _check_tombstone(changed)


def test_a_whole_period_of_another_batch_makes_no_tombstone() -> None:
    swapped = replace(
        FORGET, period=FORGET_TWIN.period, wrap=FORGET_TWIN.wrap,
        period_signature=FORGET_TWIN.period_signature,
    )  # fmt: skip

    with pytest.raises(Untrusted) as caught:
        batch.verify_tombstone(swapped, SIGNER.public_bytes())

    assert caught.value.reason == "period"


@pytest.mark.parametrize("name", names(part.SegmentHeader))
def test_a_changed_field_of_the_segment_header_is_refused(name: str) -> None:
    own = ONE.segment.header
    changed = part.dump(replace(own, **{name: other(getattr(own, name))}))
    record = replace(ONE.part, segment=changed)

    with pytest.raises(Untrusted):  # the signature
        part.verify_part(record, PROCESSOR.public_bytes())
    with pytest.raises(Untrusted):  # the seal, for who has the key
        part.open_part(record, ONE.segment.key)
    with pytest.raises(Untrusted):  # the wrap: the authority gives no key for another header
        PERSON_KEY.unwrap(record.wrap, part.segment_info(record.segment))
    with pytest.raises(REFUSED):
        open_sealed(_resigned(record))


@pytest.mark.parametrize("name", names(part.PartHeader))
def test_a_changed_field_of_the_part_header_is_refused(name: str) -> None:
    own = part.load(part.PartHeader, ONE.part.header)
    record = replace(ONE.part, header=part.dump(replace(own, **{name: other(getattr(own, name))})))

    with pytest.raises(Untrusted):
        part.verify_part(record, PROCESSOR.public_bytes())
    with pytest.raises(Untrusted):
        part.open_part(record, ONE.segment.key)
    with pytest.raises(REFUSED):
        open_sealed(_resigned(record))


def _resigned(record: Part) -> Part:
    """Signed by a processor whatever stands there: the other layers must hold by themselves."""
    signature = PROCESSOR.sign(Domain.PART, record.segment, record.header, record.sealed)
    return replace(record, signature=signature)


@pytest.mark.parametrize("name", [n for n in names(Part) if n != "person_key"])
def test_no_piece_of_another_part_fits(name: str) -> None:
    with pytest.raises(REFUSED):
        open_sealed(replace(ONE.part, **{name: getattr(TWO.part, name)}))


@pytest.mark.parametrize("name", ["segment", "header", "sealed", "wrap"])
def test_no_piece_of_another_part_fits_even_when_signed(name: str) -> None:
    with pytest.raises(REFUSED):
        open_sealed(_resigned(replace(ONE.part, **{name: getattr(TWO.part, name)})))


def test_a_rewrapped_week_needs_no_new_signature() -> None:
    fresh = hpke.PrivateKey.generate()
    wrap = hpke.wrap(ONE.key, fresh.public_bytes(), ONE.segment.info)
    moved = replace(ONE.part, wrap=wrap, person_key="another-week")

    segment, _ = part.verify_part(moved, PROCESSOR.public_bytes())

    assert part.data_key(segment, fresh.unwrap(moved.wrap, ONE.segment.info))


MARKS: dict[str, marks.Mark] = {
    "tombstone": tombstone_mark(1),
    "boot_end": marks.BootEndMark(
        person="p", device=b"d" * 16, boot=b"b" * 16, input_batches=1, frame_batches=2,
        day="2026-11-25", clean=False, partition=1, offset=2,
    ),
    "notice": marks.NoticeMark(
        topic="overt.input.v1", topic_id="t", partition=1, from_offset=2, to_offset=3,
        day="2026-11-25",
    ),
}  # fmt: skip
MARK_FIELDS = [(kind, name) for kind, mark in MARKS.items() for name in names(mark)]


@pytest.mark.parametrize(("kind", "name"), MARK_FIELDS)
def test_a_changed_field_of_a_mark_is_untrusted(kind: str, name: str) -> None:
    mark: Any = MARKS[kind]
    marker = marks.seal_mark(mark, b"evidence", PROCESSOR)
    assert marks.verify_mark(marker, PROCESSOR.public_bytes()) == mark

    changed = part.dump(replace(mark, **{name: other(getattr(mark, name))}))

    with pytest.raises(Untrusted):
        _check_mark(replace(marker, header=changed))


@pytest.mark.parametrize("name", ["header", "evidence", "signature"])
def test_no_piece_of_another_mark_fits(name: str) -> None:
    with pytest.raises(Untrusted):
        _check_mark(replace(ONE.mark, **{name: getattr(TWO.mark, name)}))


def test_a_parts_signature_makes_no_mark() -> None:
    header_ = part.dump(MARKS["tombstone"])
    forged = Marker(
        header=header_, evidence=b"", processor=PROCESSOR.key_id,
        signature=PROCESSOR.sign(Domain.PART, header_, b""),
    )  # fmt: skip

    with pytest.raises(Untrusted):
        _check_mark(forged)
