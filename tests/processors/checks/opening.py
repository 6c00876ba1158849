"""Checks of core/opening.py: from raw bytes to an opened batch."""

from tests.processors.checks.check import Check

CHECKS = [
    Check(
        "if head.batch not in _BATCHES:",
        "if False:",
        "test_refusals::test_a_batch_number_that_no_reader_takes_becomes_no_part",
    ),
    Check(
        "if raw.value is None:",
        "if False:",
        "test_refusals::test_a_null_is_refused",
    ),
    Check(
        "if len(raw.value) > RAW_LIMIT:",
        "if False:",
        "test_refusals::test_a_record_too_large_for_a_part_is_set_aside_whole",
    ),
    Check(
        "return codec.decode(raw.value, *_ON_INPUT)",
        "return codec.unpack_by(codec.schema_of(raw.value), raw.value[5:])",
        "test_refusals::test_a_part_is_not_taken_for_a_raw_record",
    ),
    Check(
        "return codec.decode(raw.value, *_ON_FRAME)",
        "return codec.unpack_by(codec.schema_of(raw.value), raw.value[5:])",
        "test_refusals::test_a_part_is_not_taken_for_a_raw_record",
    ),
    Check(
        "if head.stream is not _STREAMS[raw.topic]:",
        "if False:",
        "test_refusals::test_frames_on_the_input_topic_are_refused",
    ),
    Check(
        "if head.schema != _SCHEMAS[head.stream]:",
        "if False:",
        "test_refusals::test_a_header_that_names_another_schema_is_refused",
    ),
    Check(
        "if head.batch not in _BATCHES:",
        "if False:",
        "test_refusals::test_a_batch_number_that_no_reader_takes_becomes_no_part",
    ),
    Check(
        "if raw.key != head.device:",
        "if False:",
        "test_refusals::test_a_record_under_another_devices_key_is_refused",
    ),
    Check(
        "if (period.device, period.boot, period.period) != (head.device, head.boot, head.period):",
        "if False:",
        "test_refusals::test_a_period_verified_before_does_not_vouch_for_a_header_of_another",
    ),
    Check(
        "(period.device, period.boot, period.period) != (head.device,",
        "(head.device, period.boot, period.period) != (head.device,",
        "test_single_checks::test_a_period_opened_before_is_held_to_each_name_in_the_clear_header",
    ),
    Check(
        "(period.device, period.boot, period.period) != (head.device, head.boot,",
        "(period.device, head.boot, period.period) != (head.device, head.boot,",
        "test_single_checks::test_a_period_opened_before_is_held_to_each_name_in_the_clear_header",
    ),
    Check(
        "    in_range(period.started_us)",
        "    pass",
        "test_refusals::test_a_period_outside_the_calendar_is_refused",
    ),
    Check(
        "if len(record.iv) != seal.IV_BYTES:",
        "if False:",
        "test_refusals::test_a_short_nonce_is_refused",
    ),
    Check(
        "key.decrypt(record.iv, record.ciphertext, record.header)",
        'key.decrypt(record.iv, record.ciphertext, b"")',
        "test_single_checks::test_a_period_opened_before_vouches_for_nothing_that_differs_from_it",
    ),
    Check(
        "if time_us not in _TIMES_US:",
        "if False:",
        "test_refusals::test_a_time_that_no_calendar_holds_is_refused",
    ),
    Check(
        "name = (signing_key, record.period_signature, record.period, record.wrap)",
        'name = (b"", record.period_signature, record.period, record.wrap)',
        "test_refusals::test_a_signature_seen_before_does_not_survive_a_change_of_the_devices_key",
    ),
    Check(
        "name = (signing_key, record.period_signature, record.period, record.wrap)",
        'name = (signing_key, b"", record.period, record.wrap)',
        "test_single_checks::test_a_period_opened_before_vouches_for_nothing_that_differs_from_it",
    ),
    Check(
        "name = (signing_key, record.period_signature, record.period, record.wrap)",
        'name = (signing_key, record.period_signature, b"", record.wrap)',
        "test_single_checks::test_a_period_opened_before_vouches_for_nothing_that_differs_from_it",
    ),
    Check(
        "name = (signing_key, record.period_signature, record.period, record.wrap)",
        'name = (signing_key, record.period_signature, record.period, b"")',
        "test_single_checks::test_a_period_opened_before_vouches_for_nothing_that_differs_from_it",
    ),
    Check(
        "if len(record.period) > _PERIOD_BYTES:",
        "if False:",
        "test_refusals::test_a_period_header_of_any_length_is_not_kept",
    ),
    Check(
        "header = seal.verify_period(record, signing_key)",
        "header = seal.period_of(record)",
        "test_refusals::test_a_changed_period_header_is_not_the_devices",
    ),
    Check(
        "if private is None:",
        "if False:",
        "test_refusals::test_unknown_is_unsure_until_the_registries_were_read_on_and_then_set_aside",
    ),
    Check(
        "if len(self._known) > self._limit:",
        "if False:",
        "test_single_checks::test_the_number_of_content_keys_is_bounded_and_a_revoke_drops_all",
    ),
    Check(
        "        self._known.clear()",
        "        pass",
        "test_single_checks::test_the_number_of_content_keys_is_bounded_and_a_revoke_drops_all",
    ),
    Check(
        "if o.header.processor_key not in epochs]",
        "if False]",
        "test_single_checks::test_content_keys_of_an_epoch_that_is_over_are_dropped_and_no_others",
    ),
]
