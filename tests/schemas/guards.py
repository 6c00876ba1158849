"""Every check that the seals and signatures rest on, and the test that fails without it.

A row: file, the text that checks, what stands there when the check is gone, the test that notices.
`test_guards.py` holds the table complete, and (`-m long`) takes each check away in a copy.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Guard:
    """One check, and the test that covers it."""

    file: str
    line: str
    without: str
    test: str


_B, _P, _M = "envelope/batch.py", "envelope/part.py", "envelope/marks.py"
_H, _Z, _S = "envelope/header.py", "envelope/padding.py", "signing.py"

GUARDS = [
    Guard(
        _B, "verify(device_public, record.period_signature, Domain.PERIOD,",
        "(device_public, record.period_signature, Domain.PERIOD,",
        "test_batch.py::test_another_devices_signature_is_untrusted",
    ),
    Guard(
        _B, "Domain.PERIOD, record.period, record.wrap)", "Domain.PERIOD, record.period)",
        "test_transplants.py::test_what_is_not_changed_opens",
    ),
    Guard(
        _B, "if period.version != clear.VERSION:", "if False:",
        "test_batch.py::test_a_period_vouches_for_no_batch_of_another",
    ),
    Guard(_B, "if (period.device, ", "if (head.device, ",
          "test_batch.py::test_a_period_vouches_for_no_batch_of_another"),
    Guard(_B, "(period.device, period.boot, period", "(period.device, head.boot, period",
          "test_batch.py::test_a_period_vouches_for_no_batch_of_another"),
    Guard(_B, "period.boot, period.period) !=", "period.boot, head.period) !=",
          "test_batch.py::test_a_period_vouches_for_no_batch_of_another"),
    Guard(
        _B, "if len(key) != hpke.KEY_BYTES:", "if False:",
        "test_batch.py::test_a_device_that_wraps_something_else_than_a_key_is_malformed",
    ),
    Guard(
        _B, "if len(record.iv) != IV_BYTES:", "if False:",
        "test_batch.py::test_a_nonce_of_another_length_is_malformed",
    ),
    Guard(
        _B, "key.decrypt(record.iv, record.ciphertext, record.header)",
        "key.decrypt(record.iv, record.ciphertext, b\"\")",
        "test_transplants.py::test_what_is_not_changed_opens",
    ),
    Guard(
        _B, "elif reason in SIGNED_REASONS and signer is not None:", "elif signer is not None:",
        "test_batch.py::test_an_unknown_reason_is_malformed_both_ways",
    ),
    Guard(
        _B, "raise Malformed(\"a tombstone of that",
        "proof = b\"\" and Malformed(\"a tombstone of that",
        "test_batch.py::test_forget_and_opt_out_need_captures_key",
    ),
    Guard(
        _B, "verify(device_public, record.signature, Domain.BATCH,",
        "(device_public, record.signature, Domain.BATCH,",
        "test_batch.py::test_a_tombstone_without_capture_is_untrusted",
    ),
    Guard(
        _B, "verify(device_public, proof, Domain.DROP, record.header, reason)", "pass",
        "test_batch.py::test_ship_cannot_make_a_tombstone_of_a_reason_that_wins",
    ),
    Guard(
        _B, "elif record.reason not in UNSIGNED_REASONS:", "elif False:",
        "test_batch.py::test_an_unknown_reason_is_malformed_both_ways",
    ),
    Guard(
        _B, "reason=\"tombstone\")\n    period_of(record)", "reason=\"tombstone\")",
        "test_transplants.py::test_a_whole_period_of_another_batch_makes_no_tombstone",
    ),
    Guard(_H, "if len(data) != BYTES:", "if len(data) < BYTES:",
          "test_header.py::test_another_length_is_refused"),
    Guard(_H, "if version != VERSION or ", "if ",
          "test_header.py::test_every_unknown_version_stream_and_codec_is_refused"),
    Guard(_H, "or codec != CODEC_ZSTD_PADME ", "",
          "test_header.py::test_every_unknown_version_stream_and_codec_is_refused"),
    Guard(_H, "or data[3] ", "", "test_header.py::test_reserved_bytes_are_zero"),
    Guard(_H, " or data[-4:] != bytes(4):", ":", "test_header.py::test_reserved_bytes_are_zero"),
    Guard(_H, "if stream not in _STREAMS:", "if False:",
          "test_header.py::test_every_unknown_version_stream_and_codec_is_refused"),
    Guard(_H, "if max(numbers) > _LARGEST:", "if False:",
          "test_header.py::test_a_number_that_no_signed_column_holds_is_refused"),
    Guard(_M, "if _KINDS.get(mark.kind) is kind:", "if True:",
          "test_part.py::test_a_mark_of_one_kind_passes_for_no_other"),
    Guard(_M, "    verify(processor_public, marker.signature,",
          "    (processor_public, marker.signature,",
          "test_transplants.py::test_no_piece_of_another_mark_fits"),
    Guard(_M, "Domain.MARK, marker.header, marker.evidence)", "Domain.MARK, marker.header)",
          "test_transplants.py::test_what_is_not_changed_opens"),
    Guard(_Z, "if len(padded) < _LENGTH.size:", "if False:",
          "test_padding.py::test_a_broken_plaintext_is_malformed"),
    Guard(_Z, "if end > len(padded) or ", "if ",
          "test_padding.py::test_a_broken_plaintext_is_malformed"),
    Guard(_Z, " or padded[end:] != bytes(len(padded) - end):", ":",
          "test_padding.py::test_a_broken_plaintext_is_malformed"),
    Guard(_Z, "if not 0 <= claimed <= INFLATED_LIMIT:", "if not 0 <= claimed:",
          "test_padding.py::test_a_broken_plaintext_is_malformed"),
    Guard(_Z, "not 0 <= claimed <=", "not claimed <=",
          "test_padding.py::test_a_broken_plaintext_is_malformed"),
    Guard(_Z, ", allow_extra_data=False)", ")",
          "test_padding.py::test_a_broken_plaintext_is_malformed"),
    Guard(_P, "cbor2.loads(data[: MAX_HEADER + 1], max_depth=_DEPTH)", "cbor2.loads(data)",
          "test_part.py::test_cbor_that_is_dear_is_refused_cheaply"),
    Guard(_P, "if _is_typed(header) and ", "if ",
          "test_part.py::test_a_field_of_another_type_is_malformed"),
    Guard(_P, "and dump(header) == data ", "",
          "test_part.py::test_another_form_of_the_same_header_is_malformed"),
    Guard(_P, " and values[\"version\"] == VERSION:", ":",
          "test_part.py::test_an_unknown_version_is_malformed"),
    Guard(_P, "type(value) is int and -(2**63) <= value < 2**63", "type(value) is int",
          "test_part.py::test_a_field_of_another_type_is_malformed"),
    Guard(_P, "type(value) is tuple and all(type(item) is str for item in value)",
          "type(value) is tuple", "test_part.py::test_a_field_of_another_type_is_malformed"),
    Guard(_P, "if not good:", "if False:",
          "test_part.py::test_a_field_of_another_type_is_malformed"),
    Guard(_P, "verify(processor_public, part.signature, Domain.PART, *parts)", "pass",
          "test_part.py::test_another_processors_signature_is_untrusted"),
    Guard(_P, "parts = (part.segment, part.header, part.sealed)",
          "parts = (part.segment, part.header)",
          "test_transplants.py::test_what_is_not_changed_opens"),
    Guard(_P, "if header.segment != segment_info(part.segment):", "if False:",
          "test_part.py::test_a_part_header_of_another_segment_is_untrusted_though_signed"),
    Guard(_P, "if len(key) != hpke.KEY_BYTES or ", "if ",
          "test_part.py::test_a_short_key_is_refused_though_committed_to"),
    Guard(_P, " or commitment(key) != segment.commitment:", ":",
          "test_part.py::test_a_released_key_that_the_segment_does_not_commit_to_is_untrusted"),
    Guard(_P, "if body.tag != _COSE_ENCRYPT0 or ", "if ",
          "test_part.py::test_what_is_not_the_one_algorithm_in_cose_encrypt0_is_malformed"),
    Guard(_P, " or protected != _PROTECTED:", ":",
          "test_part.py::test_what_is_not_the_one_algorithm_in_cose_encrypt0_is_malformed"),
    Guard(_P, "bound = segment + header", "bound = header",
          "test_transplants.py::test_a_changed_field_of_the_segment_header_is_refused"),
    Guard(_P, "bound = segment + header", "bound = segment",
          "test_transplants.py::test_a_changed_field_of_the_part_header_is_refused"),
    Guard(_S, "_public(public).verify(signature, digest(domain, *parts))", "_public(public)",
          "test_signing.py::test_a_change_to_any_field_of_signed_is_untrusted"),
    Guard(_S, "hashlib.sha256(domain.value)", "hashlib.sha256()",
          "test_signing.py::test_a_signature_verifies_in_its_own_domain_only"),
    Guard(_S, "state.update(struct.pack(\">Q\", len(part)))", "pass",
          "test_signing.py::test_parts_cannot_be_cut_another_way"),
    Guard(_S, "if own.record not in allowed:", "if False:",
          "test_signing.py::test_a_signed_record_of_another_class_has_no_place"),
    Guard(_S, "    verify(public, signed.signature, Domain.RECORD, *parts)", "    pass",
          "test_signing.py::test_a_change_to_any_field_of_signed_is_untrusted"),
    Guard(_S, "if signed.key_id != ROOT:", "if False:",
          "test_signing.py::test_a_ring_takes_a_key_set_from_the_root_alone"),
    Guard(_S, "open_record(signed, self.root, KeySet)",
          "codec.unpack(KeySet, signed.body)",
          "test_signing.py::test_a_ring_takes_a_key_set_from_the_root_alone"),
    Guard(_S, "if keys.version <= self.version:", "if keys.version < self.version:",
          "test_signing.py::test_an_older_or_equal_key_set_changes_nothing"),
    Guard(_S, "if cert is None or cert.role != role:", "if cert is None:",
          "test_signing.py::test_a_key_speaks_only_in_its_role"),
    Guard(_S, "if not cert.not_before_ms <= at_ms < cert.not_after_ms:",
          "if not at_ms < cert.not_after_ms:",
          "test_signing.py::test_a_key_speaks_only_in_its_life"),
    Guard(_S, "if not cert.not_before_ms <= at_ms < cert.not_after_ms:",
          "if not cert.not_before_ms <= at_ms:",
          "test_signing.py::test_a_key_speaks_only_in_its_life"),
    Guard(_S, "if c.role == role and c.not_before_ms", "if c.not_before_ms",
          "test_signing.py::test_the_newest_key_of_a_role_is_the_last_to_come_into_force"),
    Guard(_S, "if not live:", "if False:",
          "test_signing.py::test_the_newest_key_of_a_role_is_the_last_to_come_into_force"),
    Guard(_S, "b\"overt beacon tag v1\" + struct.pack(\">Q\", number)", "b\"overt beacon tag v1\"",
          "test_signing.py::test_a_tag_stops_the_one_device_in_the_one_beacon"),
]  # fmt: skip
