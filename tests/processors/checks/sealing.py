"""Checks of core/sealing.py: data keys are held as long as they may be."""

from tests.processors.checks.check import Check

CHECKS = [
    Check(
        "        self._held.clear()",
        "        pass",
        "test_sealing::test_all_data_keys_are_dropped_on_revoke",
    ),
    Check(
        "        self._age(now_ns)\n",
        "        pass\n",
        "test_sealing::test_a_data_key_is_dropped_after_its_time",
    ),
    Check(
        "if held is not None and held.context == context:",
        "if held is not None:",
        "test_refine::test_batches_of_a_segment_share_one_data_key_and_the_next_segment_has_another",
    ),
    Check(
        "        self._held.pop(name, None)\n",
        "        pass\n",
        "test_single_checks::test_a_segment_that_began_anew_is_as_old_as_its_new_key",
    ),
    Check(
        "if len(self._held) > self._limit:",
        "if False:",
        "test_sealing::test_the_number_of_data_keys_is_bounded",
    ),
    Check(
        "if now_ns - oldest.since_ns < KEY_LIFE_NS:",
        "if True:",
        "test_sealing::test_a_data_key_is_dropped_after_its_time",
    ),
]
