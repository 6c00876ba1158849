"""Checks of core/admission.py: may this device seal this, for this person, then."""

from tests.processors.checks.check import Check

CHECKS = [
    Check(
        "if known is None:",
        "if False:",
        "test_refusals::test_unknown_is_unsure_until_the_registries_were_read_on_and_then_set_aside",
    ),
    Check(
        "if known.state == DEVICE_ERASED:",
        "if False:",
        "test_refusals::test_what_an_erased_device_sends_is_dropped",
    ),
    Check(
        "if known.state != ACTIVE:",
        "if False:",
        "test_refusals::test_what_the_registry_does_not_allow_at_event_time_is_set_aside",
    ),
    Check(
        "if person is None:",
        "if False:",
        "test_refusals::test_unknown_is_unsure_until_the_registries_were_read_on_and_then_set_aside",
    ),
    Check(
        "if person.state in PERSON_GONE:",
        "if False:",
        "test_refusals::test_what_belongs_to_somebody_erased_is_dropped_whatever_it_is",
    ),
    Check(
        "if person.state != ACTIVE:",
        "if False:",
        "test_single_checks::test_a_person_who_is_neither_active_nor_erased_is_refused",
    ),
    Check(
        "if not any(span.person == pseudonym for span in device.spans):",
        "if False:",
        "test_refusals::test_a_tombstone_for_another_person_is_refused",
    ),
    Check(
        "    person = person_of(registries, period.person)\n    lease",
        "    person = registries.persons[period.person]\n    lease",
        "test_single_checks::test_admission_alone_refuses_somebody_erased",
    ),
    Check(
        "if lease is None:",
        "if False:",
        "test_refusals::test_unknown_is_unsure_until_the_registries_were_read_on_and_then_set_aside",
    ),
    Check(
        "if not any(_holds(s, first_ms, last_ms) and s",
        "if False and any(_holds(s, first_ms, last_ms) and s",
        "test_refusals::test_what_the_registry_does_not_allow_at_event_time_is_set_aside",
    ),
    Check(
        "_holds(s, first_ms, last_ms) and s.person == period.person",
        "s.person == period.person",
        "test_refusals::test_what_the_registry_does_not_allow_at_event_time_is_set_aside",
    ),
    Check(
        "_holds(s, first_ms, last_ms) and s.person == period.person",
        "_holds(s, first_ms, last_ms)",
        "test_refusals::test_what_the_registry_does_not_allow_at_event_time_is_set_aside",
    ),
    Check(
        "    _policy(registries, device, period, lease)",
        "    pass",
        "test_refusals::test_an_unknown_policy_is_unsure_too",
    ),
    Check(
        "first_ms < lease.issued_ms - SLACK_MS or ",
        "",
        "test_refusals::test_what_the_registry_does_not_allow_at_event_time_is_set_aside",
    ),
    Check(
        " or last_ms > lease.valid_until_ms + SLACK_MS:",
        ":",
        "test_refusals::test_what_the_registry_does_not_allow_at_event_time_is_set_aside",
    ),
    Check(
        "if any(_forbids(pause, first_ms, last_ms, lease) for pause in pauses):",
        "if False:",
        "test_refusals::test_what_the_registry_does_not_allow_at_event_time_is_set_aside",
    ),
    Check(
        "        *registries.beacons.pauses.get(device.group, ()),\n",
        "",
        "test_refusals::test_what_the_registry_does_not_allow_at_event_time_is_set_aside",
    ),
    Check(
        "        *device.pauses,\n",
        "",
        "test_refusals::test_what_the_registry_does_not_allow_at_event_time_is_set_aside",
    ),
    Check(
        "at = max(period.started_us // 1000, lease.issued_ms)",
        "at = period.started_us // 1000",
        "test_single_checks::test_an_empty_frame_batch_is_no_earlier_than_its_beacon",
    ),
    Check(
        "at = max(period.started_us // 1000, lease.issued_ms)",
        "at = lease.issued_ms",
        "test_single_checks::test_an_empty_frame_batch_is_no_earlier_than_its_period",
    ),
    Check(
        "return span.from_ms <= first_ms and (",
        "return (",
        "test_refusals::test_what_the_registry_does_not_allow_at_event_time_is_set_aside",
    ),
    Check(
        " and (span.to_ms == 0 or last_ms < span.to_ms)",
        "",
        "test_refusals::test_what_the_registry_does_not_allow_at_event_time_is_set_aside",
    ),
    Check(
        "named = [c for c in person.consents if c.consent == period.consent]",
        "named = list(person.consents)",
        "test_single_checks::test_only_the_consent_that_a_batch_names_counts",
    ),
    Check(
        "    if not named:\n        raise Unknown",
        "    if False:\n        raise Unknown",
        "test_refusals::test_unknown_is_unsure_until_the_registries_were_read_on_and_then_set_aside",
    ),
    Check(
        "same = consent.device == device.device and ",
        "same = ",
        "test_refusals::test_what_the_registry_does_not_allow_at_event_time_is_set_aside",
    ),
    Check(
        " and consent.policy == period.policy",
        "",
        "test_refusals::test_what_the_registry_does_not_allow_at_event_time_is_set_aside",
    ),
    Check(
        "if same and _holds(consent, first_ms, last_ms):",
        "if same:",
        "test_refusals::test_what_the_registry_does_not_allow_at_event_time_is_set_aside",
    ),
    Check(
        "if same and _holds(consent, first_ms, last_ms):",
        "if _holds(consent, first_ms, last_ms):",
        "test_refusals::test_what_the_registry_does_not_allow_at_event_time_is_set_aside",
    ),
    Check(
        '    raise Refused("no consent covers it", reason="no_consent")',
        "    return named[0]",
        "test_refusals::test_what_the_registry_does_not_allow_at_event_time_is_set_aside",
    ),
    Check(
        "if policy is None:",
        "if False:",
        "test_refusals::test_an_unknown_policy_is_unsure_too",
    ),
    Check(
        "if policy.group != device.group or in_force is None:",
        "if in_force is None:",
        "test_single_checks::test_a_policy_of_another_group_is_refused_though_a_beacon_names_it_for_the_device",
    ),
    Check(
        "if policy.group != device.group or in_force is None:",
        "if policy.group != device.group:",
        "test_single_checks::test_a_beacon_without_a_policy_for_the_group_allows_none_whatever_the_next_one_brings",
    ),
    Check(
        "if period.policy not in allowed:",
        "if False:",
        "test_refusals::test_what_the_registry_does_not_allow_at_event_time_is_set_aside",
    ),
    Check(
        "leases.get(lease.number + 1)",
        "leases.get(lease.number + 2)",
        "test_refusals::test_the_second_in_which_a_policy_changed_passes_under_either",
    ),
    Check(
        "if last_ms <= pause.from_ms + SLACK_MS:",
        "if last_ms <= pause.from_ms:",
        "test_refusals::test_ten_seconds_after_a_pause_nothing_passes",
    ),
    Check(
        "if last_ms <= pause.from_ms + SLACK_MS:",
        "if first_ms <= pause.from_ms + SLACK_MS:",
        "test_refusals::test_a_batch_whose_tail_reaches_into_a_pause_is_refused",
    ),
    Check(
        "if pause.to_ms == 0:",
        "if False:",
        "test_refusals::test_what_the_registry_does_not_allow_at_event_time_is_set_aside",
    ),
    Check(
        "SLACK_MS if lease.issued_ms >= pause.to_ms else 0",
        "SLACK_MS",
        "test_refusals::test_after_the_resume_only_who_has_its_beacon_gets_the_slack",
    ),
    Check(
        "if key.week == week:",
        "if True:",
        "test_single_checks::test_a_batch_is_sealed_for_the_key_of_its_own_week",
    ),
    Check(
        '    raise Unknown("person has no key',
        '    return person.keys[0]\n    raise Unknown("person has no key',
        "test_refusals::test_unknown_is_unsure_until_the_registries_were_read_on_and_then_set_aside",
    ),
]
