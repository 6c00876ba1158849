"""What a processor seals again: one form of each header, one algorithm, one key."""

from dataclasses import replace
from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from overt_schemas.envelope import marks, part
from overt_schemas.errors import Malformed, OvertError, Untrusted
from overt_schemas.ids import BatchId, SessionId, Stream
from overt_schemas.records import Marker, Part
from overt_schemas.signing import Domain, SigningKey
from tests.schemas.samples import (
    BOOT,
    DEVICE,
    ONE,
    PROCESSOR,
    TWO,
    names,
    part_header,
    tombstone_mark,
)

SEGMENT = ONE.segment.packed
HEADERS: dict[str, Any] = {
    "segment": ONE.segment.header, "part": part_header(bytes(32), 1), "mark": tombstone_mark(1),
}  # fmt: skip


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
def test_a_header_comes_back_from_its_one_form(header: Any) -> None:
    packed = part.dump(header)

    assert part.load(type(header), packed) == header
    assert packed == cbor2.dumps(cbor2.loads(packed), canonical=True)


def _values(header: Any) -> dict[str, Any]:
    return {name: getattr(header, name) for name in names(header)}


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
def test_another_form_of_the_same_header_is_malformed(header: Any) -> None:
    packed, values = part.dump(header), _values(header)
    backwards = dict(reversed(list(cbor2.loads(packed).items())))
    forms = {
        "keys in another order": cbor2.dumps(backwards),
        "indefinite map": b"\xbf" + packed[1:] + b"\xff",
        "bytes behind": packed + b"\0",
        "tagged": cbor2.dumps(cbor2.CBORTag(55799, values), canonical=True),
        "key twice": bytes([packed[0] + 1]) + packed[1:] + b"\x67version\x01",
        "long form of a number": packed.replace(b"\x67version\x01", b"\x67version\x18\x01"),
        "cut": packed[:-1],
        "nothing": b"",
        "a list": cbor2.dumps(list(values.values())),
    }

    for form, data in forms.items():
        with pytest.raises(Malformed):
            part.load(type(header), data)
        assert data != packed, form


@pytest.mark.parametrize("version", [0, 2, True, "1", 1.0])
@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
def test_an_unknown_version_is_malformed(header: Any, version: Any) -> None:
    with pytest.raises(Malformed):
        part.load(type(header), part.dump(replace(header, version=version)))


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
def test_a_field_more_or_less_is_malformed(header: Any) -> None:
    values = _values(header)
    less = {k: v for k, v in values.items() if k not in {"person", "batch"}}

    for changed in (less, {**values, "title": "x"}):
        with pytest.raises(Malformed):
            part.load(type(header), cbor2.dumps(changed, canonical=True))


WRONG: list[Any] = [
    None, True, 1, -(2**63) - 1, 2**63, 2**64, 1.5, "x", b"x", [1], ["x", b"x"], [["x"]], {},
    {"x": 1}, cbor2.CBORTag(30, [1, 3]), cbor2.CBORTag(999, "x"),
]  # fmt: skip
FIELDS = [(kind, name) for kind, header in HEADERS.items() for name in names(header)]


@pytest.mark.parametrize(("kind", "name"), FIELDS)
def test_a_field_of_another_type_is_malformed(kind: str, name: str) -> None:
    header = HEADERS[kind]
    own = getattr(header, name)

    for value in WRONG:
        if type(value) is type(own) and not (type(own) is int and not -(2**63) <= value < 2**63):
            continue
        data = cbor2.dumps({**_values(header), name: value}, canonical=True)
        with pytest.raises(Malformed):
            part.load(type(header), data)


def test_cbor_that_is_dear_is_refused_cheaply() -> None:
    deep = b"\x81" * 100_000
    cycle = b"\xd8\x1c\x81\xd8\x1d\x00"
    large = part.dump(replace(ONE.segment.header, purposes=("x" * 100,) * 200))
    rational = b"\xa1\x67version" + cbor2.dumps(
        cbor2.CBORTag(30, [int.from_bytes(b"\x7f" * 400_000), int.from_bytes(b"\x6f" * 400_000)])
    )
    inner = b"\xa1\x67version" + cycle

    for data in (deep, cycle, large, rational, inner, b"\x9b" + b"\x7f" * 8, b"\xbb" + b"\x7f" * 8):
        with pytest.raises(Malformed):
            part.load(part.SegmentHeader, data)


@given(st.binary(max_size=80))
def test_any_bytes_are_a_header_or_malformed(data: bytes) -> None:
    for kind in (part.SegmentHeader, part.PartHeader, marks.TombstoneMark):
        with pytest.raises(Malformed):
            part.load(kind, data)
    with pytest.raises(Malformed):
        marks.read_mark(Marker(header=data, evidence=b"", signature=b"", processor=""))


@given(st.data())
def test_a_mutated_header_is_malformed_or_another(data: st.DataObject) -> None:
    changed = bytearray(SEGMENT)
    changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))

    try:
        loaded = part.load(part.SegmentHeader, bytes(changed))
    except Malformed:
        return

    assert part.dump(loaded) == bytes(changed)


def test_a_part_is_of_its_session_and_batch() -> None:
    segment, header = part.verify_part(ONE.part, PROCESSOR.public_bytes())

    assert segment.session == SessionId(device=DEVICE, boot=BOOT, activity=2)
    assert part.batch_id(segment, header) == BatchId(
        device=DEVICE, boot=BOOT, stream=Stream.INPUT, batch=1
    )


def test_another_processors_signature_is_untrusted() -> None:
    stranger = SigningKey(PROCESSOR.key_id, b"x" * 32)

    with pytest.raises(Untrusted):
        part.verify_part(ONE.part, stranger.public_bytes())
    with pytest.raises(Untrusted):
        marks.verify_mark(ONE.mark, stranger.public_bytes())


def test_a_part_header_of_another_segment_is_untrusted_though_signed() -> None:
    signature = PROCESSOR.sign(Domain.PART, ONE.part.segment, TWO.part.header, ONE.part.sealed)
    record = replace(ONE.part, header=TWO.part.header, signature=signature)

    with pytest.raises(Untrusted) as caught:
        part.verify_part(record, PROCESSOR.public_bytes())

    assert caught.value.reason == "segment"


@pytest.mark.parametrize("key", [TWO.key, bytes(32), ONE.key[:16], ONE.key + b"x", b""])
def test_a_released_key_that_the_segment_does_not_commit_to_is_untrusted(key: bytes) -> None:
    with pytest.raises(Untrusted) as caught:
        part.data_key(ONE.segment.header, key)

    assert caught.value.reason == "commitment"


def test_a_short_key_is_refused_though_committed_to() -> None:
    short = bytes(16)
    segment = replace(ONE.segment.header, commitment=part.commitment(short))

    with pytest.raises(Untrusted):
        part.data_key(segment, short)


def test_the_commitment_tells_nothing_of_the_wrap_info() -> None:
    assert len(part.commitment(ONE.key)) == 16
    assert part.commitment(ONE.key) not in part.segment_info(SEGMENT)
    assert part.commitment(ONE.key) != part.commitment(TWO.key)


def _cose(**changes: Any) -> Part:
    body = cbor2.loads(ONE.part.sealed)
    protected, unprotected, ciphertext = body.value
    tag = changes.get("tag", body.tag)
    value = changes.get(
        "value",
        [
            changes.get("protected", protected), changes.get("unprotected", unprotected),
            changes.get("ciphertext", ciphertext),
        ],
    )  # fmt: skip
    return replace(ONE.part, sealed=cbor2.dumps(cbor2.CBORTag(tag, value), canonical=True))


COSE: dict[str, Part] = {
    "COSE_Encrypt": _cose(tag=96),
    "COSE_Sign1": _cose(tag=18),
    "a date": _cose(tag=1, value=0),
    "another algorithm": _cose(protected=cbor2.dumps({1: 1})),
    "no algorithm": _cose(protected=b""),
    "protected as a map": _cose(protected={1: 3}),
    "no nonce": _cose(unprotected={}),
    "nonce in a list": _cose(unprotected=[b"x" * 12]),
    "nonce as text": _cose(unprotected={5: "x" * 12}),
    "short nonce": _cose(unprotected={5: b"x"}),
    "empty nonce": _cose(unprotected={5: b""}),
    "ciphertext as text": _cose(ciphertext="x" * 40),
    "no ciphertext": _cose(ciphertext=None),
    "two items": _cose(value=[b"", {}]),
    "four items": _cose(value=[b"", {}, b"", b""]),
    "a text": _cose(value="abc"),
    "untagged": replace(ONE.part, sealed=cbor2.dumps([b"", {}, b""])),
    "nothing": replace(ONE.part, sealed=b""),
    "too deep": replace(ONE.part, sealed=b"\xd0" + b"\x81" * 1000),
    "a cycle": replace(ONE.part, sealed=b"\xd0\xd8\x1c\x83\xd8\x1d\x00\xd8\x1d\x00\xd8\x1d\x00"),
}


@pytest.mark.parametrize("record", COSE.values(), ids=COSE)
def test_what_is_not_the_one_algorithm_in_cose_encrypt0_is_malformed(record: Part) -> None:
    with pytest.raises(Malformed) as caught:
        part.open_part(record, ONE.segment.key)

    assert caught.value.reason == "cose"


def test_a_part_under_another_key_is_untrusted() -> None:
    with pytest.raises(Untrusted):
        part.open_part(ONE.part, AESGCM(TWO.key))


def test_the_additional_data_are_those_of_rfc_9052() -> None:
    body = cbor2.loads(ONE.part.sealed)
    protected, unprotected, ciphertext = body.value
    structure = ["Encrypt0", protected, ONE.part.segment + ONE.part.header]

    plain = AESGCM(ONE.key).decrypt(unprotected[5], ciphertext, cbor2.dumps(structure))

    assert (body.tag, cbor2.loads(protected)) == (16, {1: 3})
    assert plain == ONE.opened


@given(st.binary(max_size=60))
def test_a_hostile_payload_ends_in_an_error_of_ours(sealed: bytes) -> None:
    for data in (sealed, b"\xd0" + sealed, ONE.part.sealed[:8] + sealed):
        with pytest.raises(OvertError):
            part.open_part(replace(ONE.part, sealed=data), ONE.segment.key)


def test_a_mark_of_one_kind_passes_for_no_other() -> None:
    mark = tombstone_mark(1, kind=marks.BOOT_END)

    with pytest.raises(Malformed) as caught:
        marks.verify_mark(marks.seal_mark(mark, b"", PROCESSOR), PROCESSOR.public_bytes())

    assert caught.value.reason == "mark"


@pytest.mark.parametrize("kind", ["", "Tombstone", "part"])
def test_a_mark_of_an_unknown_kind_is_malformed(kind: str) -> None:
    marker = marks.seal_mark(tombstone_mark(1, kind=kind), b"", PROCESSOR)

    with pytest.raises(Malformed):
        marks.read_mark(marker)


def test_a_sink_places_a_mark_without_verifying_it() -> None:
    marker = replace(ONE.mark, signature=b"")

    assert marks.read_mark(marker) == tombstone_mark(1)


HASH = st.binary(min_size=32, max_size=32) | st.binary(max_size=40)
NUMBER = st.integers(-(2**63), 2**63 - 1)


@given(
    st.builds(
        part.PartHeader, version=NUMBER, segment=HASH, batch=NUMBER, raw=HASH,
        previous=HASH, partition=NUMBER, offset=NUMBER, schema=NUMBER, first=st.booleans(),
        final=st.booleans(), flags=st.lists(st.text(), max_size=2).map(tuple),
    )
)  # fmt: skip
def test_a_part_header_written_the_short_way_is_the_one_form(header: part.PartHeader) -> None:
    assert part.dump_part(header) == part.dump(header)


@pytest.mark.parametrize("size", [0, 16, 23, 24, 239, 255, 256, 5000, 65_519, 65_520, 200_000])
def test_the_shell_written_by_hand_is_canonical_cbor(size: int) -> None:
    made = part.seal_part(ONE.segment, part_header(ONE.segment.info, 1), bytes(size), PROCESSOR)

    body = cbor2.loads(made.sealed)
    assert cbor2.dumps(body, canonical=True) == made.sealed
    assert part.open_part(made, ONE.segment.key) == bytes(size)
    part.verify_part(made, PROCESSOR.public_bytes())
    bound = made.segment + made.header
    aad = cbor2.dumps(["Encrypt0", cbor2.dumps({1: 3}), bound], canonical=True)
    assert part._aad(made.segment, made.header) == aad
