"""Checks of core/refine.py: the order of the checks, tombstones, boot ends."""

from tests.processors.checks.check import Check

CHECKS = [
    Check(
        "    opening.check_period(head, period.header)",
        "    pass",
        "test_refusals::test_a_period_outside_the_calendar_is_refused",
    ),
    Check(
        "    admission.person_of(registries, period.header.person)",
        "    pass",
        "test_single_checks::test_what_belongs_to_somebody_erased_is_not_even_opened",
    ),
    Check(
        "        pictures.check(batch)",
        "        pass",
        "test_single_checks::test_a_picture_that_cannot_be_drawn_is_set_aside",
    ),
    Check(
        "    device = admission.device_of(registries, head.device)\n    period = memory",
        "    device = registries.devices[head.device]\n    period = memory",
        "test_refusals::test_unknown_is_unsure_until_the_registries_were_read_on_and_then_set_aside",
    ),
    Check(
        "if exc.reason not in WITHHELD_REASONS:",
        "if False:",
        "test_refusals::test_unknown_is_unsure_until_the_registries_were_read_on_and_then_set_aside",
    ),
    Check(
        "if len(padded) > len(content.padded):",
        "if False:",
        "test_thinning_refine::test_a_part_is_never_larger_than_its_record",
    ),
    Check(
        "    opening.check_period(head, period)\n",
        "    pass\n",
        "test_single_checks::test_a_tombstone_of_a_period_outside_the_calendar_is_refused",
    ),
    Check(
        "    envelope.verify_tombstone(record, device.signing_key)",
        "    pass",
        "test_refusals::test_a_tombstone_that_capture_did_not_make_is_refused",
    ),
    Check(
        "period = envelope.verify_period(record, device.signing_key)",
        "period = envelope.period_of(record)",
        "test_single_checks::test_a_tombstone_whose_period_the_device_did_not_sign_is_refused",
    ),
    Check(
        "    admission.person_of(registries, period.person)\n",
        "    pass\n",
        "test_refusals::test_what_belongs_to_somebody_erased_is_dropped_whatever_it_is",
    ),
    Check(
        "    admission.seals_for(device, period.person)",
        "    pass",
        "test_refusals::test_a_tombstone_for_another_person_is_refused",
    ),
    Check(
        "if raw.key is None or signed.key_id != device_key_id(raw.key):",
        "if raw.key is None:",
        "test_refusals::test_the_authoritys_own_records_are_no_boot_ends",
    ),
    Check(
        "if raw.key is None or signed.key_id",
        "if signed.key_id",
        "test_single_checks::test_a_boot_end_under_no_key_is_refused",
    ),
    Check(
        "end = open_record(signed, device.signing_key, BootEnd)",
        "end = codec.unpack(BootEnd, signed.body)",
        "test_refusals::test_a_boot_end_signed_by_another_key_is_refused",
    ),
    Check(
        "if end.device != device.device:",
        "if False:",
        "test_refusals::test_an_impossible_boot_end_is_refused",
    ),
    Check(
        "    opening.in_range(end.at_us)",
        "    pass",
        "test_refusals::test_an_impossible_boot_end_is_refused",
    ),
    Check(
        "if end.input_batches not in _COUNTS or end.frame_batches",
        "if end.frame_batches",
        "test_refusals::test_an_impossible_boot_end_is_refused",
    ),
    Check(
        " or end.frame_batches not in _COUNTS:",
        ":",
        "test_refusals::test_an_impossible_boot_end_is_refused",
    ),
    Check(
        "    admission.person_of(registries, end.person)",
        "    pass",
        "test_refusals::test_what_belongs_to_somebody_erased_is_dropped_whatever_it_is",
    ),
    Check(
        "    admission.seals_for(device, end.person)",
        "    pass",
        "test_single_checks::test_a_boot_end_for_somebody_the_device_never_sealed_for_is_refused",
    ),
    Check(
        "        self.periods.clear()",
        "        pass",
        "test_single_checks::test_the_number_of_content_keys_is_bounded_and_a_revoke_drops_all",
    ),
    Check(
        "        self.segments.clear()",
        "        pass",
        "test_sealing::test_all_data_keys_are_dropped_on_revoke",
    ),
    Check(
        "return set_aside(raw, keys, exc.reason, now) if settled else Unsure(reason=exc.reason)",
        "return set_aside(raw, keys, exc.reason, now)",
        "test_refusals::test_unknown_is_unsure_until_the_registries_were_read_on_and_then_set_aside",
    ),
    Check(
        "return set_aside(raw, keys, exc.reason, now) if settled else Unsure(reason=exc.reason)",
        "return Unsure(reason=exc.reason)",
        "test_refusals::test_unknown_is_unsure_until_the_registries_were_read_on_and_then_set_aside",
    ),
    Check(
        "    except Erased as exc:\n        return Dropped(reason=exc.reason)\n",
        "",
        "test_refusals::test_what_belongs_to_somebody_erased_is_dropped_whatever_it_is",
    ),
    Check(
        "    except Unknown as exc:\n",
        "    except ZeroDivisionError as exc:\n",
        "test_refusals::test_unknown_is_unsure_until_the_registries_were_read_on_and_then_set_aside",
    ),
    Check(
        "    except Permanent as exc:",
        "    except Refused as exc:",
        "test_refusals::test_a_transplanted_header_does_not_open",
    ),
    Check(
        "thinned = _thinned(content, reading, registries.policies[period.header.policy])",
        "thinned = content",
        "test_thinning_refine::test_a_part_holds_what_the_policy_keeps_and_says_what_it_left_out",
    ),
    Check(
        "first_us = reading.span.first_us if reading.span else period.header.started_us",
        "first_us = period.header.started_us",
        "test_single_checks::test_a_withheld_mark_is_of_the_day_of_its_events_not_of_its_period",
    ),
]
