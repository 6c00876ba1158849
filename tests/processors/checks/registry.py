"""Checks of core/registry.py: what the registries believe."""

from tests.processors.checks.check import Check

CHECKS = [
    Check(
        'if item.signed.schema != ID_OF["KeySet"] or item.signed.key_id != ROOT:',
        'if item.signed.schema != ID_OF["KeySet"]:',
        "test_registry::test_a_key_set_counts_under_the_root_alone",
    ),
    Check(
        "keyring = keyring.accept(item.signed)",
        "keyring = Keyring(root=keyring.root, certs={c.key_id: c for c in "
        "__import__('overt_schemas.codec').codec.unpack(KeySet, item.signed.body).certs})",
        "test_registry::test_a_key_set_counts_under_the_root_alone",
    ),
    Check(
        "if item.signed.key_id not in self._keyring.certs:",
        "if False:",
        "test_registry::test_records_that_come_before_their_key_wait_for_it",
    ),
    Check(
        "if beacon.number <= highest:",
        "if False:",
        "test_registry::test_a_beacon_number_that_does_not_rise_teaches_nothing",
    ),
    Check(
        "if spans[-1].to_ms == 0 and group not in beacon.paused_groups:",
        "if group not in beacon.paused_groups:",
        "test_single_checks::test_a_pause_that_ended_is_not_ended_again_by_later_beacons",
    ),
    Check(
        "if spans[-1].to_ms == 0 and group not in beacon.paused_groups:",
        "if spans[-1].to_ms == 0:",
        "test_refusals::test_what_the_registry_does_not_allow_at_event_time_is_set_aside",
    ),
    Check(
        "if not spans or spans[-1].to_ms:",
        "if True:",
        "test_registry::test_beacons_add_up_to_pauses",
    ),
    Check(
        "if not spans or spans[-1].to_ms:",
        "if not spans:",
        "test_registry::test_beacons_add_up_to_pauses",
    ),
    Check(
        "record: Any = self._keyring.open(item.signed, item.append_ms, *_KINDS)",
        "record: Any = __import__('overt_schemas.codec').codec.unpack_by("
        "__import__('overt_schemas.catalogue').catalogue.schema_by_id(item.signed.schema), "
        "item.signed.body)",
        "test_registry::test_a_record_signed_by_anybody_else_is_refused",
    ),
    Check(
        "if known is None or record.version > known.version:",
        "if True:",
        "test_registry::test_versions_only_rise",
    ),
    Check(
        "if known is None or record.version > known.version:",
        "if known is None:",
        "test_registry::test_versions_only_rise",
    ),
    Check(
        "if person is None or record.version > person.version:",
        "if True:",
        "test_single_checks::test_versions_of_persons_and_grants_only_rise",
    ),
    Check(
        "if person is None or record.version > person.version:",
        "if person is None:",
        "test_single_checks::test_versions_of_persons_and_grants_only_rise",
    ),
    Check(
        "if grant is None or record.version > grant.version:",
        "if True:",
        "test_single_checks::test_versions_of_persons_and_grants_only_rise",
    ),
    Check(
        "if grant is None or record.version > grant.version:",
        "if grant is None:",
        "test_single_checks::test_versions_of_persons_and_grants_only_rise",
    ),
    Check(
        "waiting[-_WAITING_LIMIT:]",
        "waiting",
        "test_registry::test_records_of_a_key_that_never_comes_are_bounded",
    ),
    Check(
        '["waiting_overflow"] * max(0, len(waiting) - _WAITING_LIMIT)',
        "[]",
        "test_registry::test_records_of_a_key_that_never_comes_are_bounded",
    ),
]
