"""Checks of core/activity.py: what a batch says of itself."""

from tests.processors.checks.check import Check

CHECKS = [
    Check(
        "if batch.activity not in _ACTIVITIES:",
        "if False:",
        "test_refusals::test_an_activity_that_no_reader_takes_becomes_no_part",
    ),
    Check(
        "if batch.activity not in _ACTIVITIES:",
        "if False:",
        "test_refusals::test_an_activity_that_no_reader_takes_becomes_no_part",
    ),
    Check(
        "if falls or start + first < batch.prev_event_us:",
        "if start + first < batch.prev_event_us:",
        "test_activity::test_input",
    ),
    Check(
        "if falls or start + first < batch.prev_event_us:",
        "if falls:",
        "test_activity::test_input",
    ),
    Check(
        "if not rises or batch.first_seq <= batch.prev_seq:",
        "if batch.first_seq <= batch.prev_seq:",
        "test_activity::test_input",
    ),
    Check(
        "if not rises or batch.first_seq <= batch.prev_seq:",
        "if not rises:",
        "test_activity::test_input",
    ),
    Check(
        "if first < -_REACH_US or last > _REACH_US:",
        "if last > _REACH_US:",
        "test_activity::test_input",
    ),
    Check(
        "if first < -_REACH_US or last > _REACH_US:",
        "if first < -_REACH_US:",
        "test_activity::test_input",
    ),
    Check(
        "start = in_range(batch.start_us)",
        "start = batch.start_us",
        "test_refusals::test_a_time_that_no_calendar_holds_is_refused",
    ),
    Check(
        "Span(first_us=min(start, start + first), last_us=max(start, start + last))",
        "Span(first_us=start, last_us=start)",
        "test_refusals::test_a_batch_whose_tail_reaches_into_a_pause_is_refused",
    ),
    Check(
        "first, last = (int(dt.min()), int(dt.max())) if falls else (int(dt[0]), int(dt[-1]))",
        "first, last = int(dt[0]), int(dt[-1])",
        "test_single_checks::test_the_span_of_events_that_go_back_reaches_to_the_latest_of_them",
    ),
    Check(
        "times = [t for gap in batch.gaps for t in (gap.from_us, gap.to_us)]",
        "times: list[int] = []",
        "test_single_checks::test_a_frame_batch_of_gaps_alone_has_their_time",
    ),
    Check(
        "if frame.number <= number or frame.t_us < until:",
        "if frame.t_us < until:",
        "test_activity::test_frames",
    ),
    Check(
        "if frame.number <= number or frame.t_us < until:",
        "if frame.number <= number:",
        "test_activity::test_frames",
    ),
    Check(
        "if mine[0] < counts[0] or mine[1] < counts[1]:",
        "if mine[1] < counts[1]:",
        "test_activity::test_frames",
    ),
    Check(
        "if mine[0] < counts[0] or mine[1] < counts[1]:",
        "if mine[0] < counts[0]:",
        "test_activity::test_frames",
    ),
    Check(
        "if frame.until_us < frame.t_us or frame.base >= frame.number:",
        "if frame.base >= frame.number:",
        "test_activity::test_frames",
    ),
    Check(
        "if frame.until_us < frame.t_us or frame.base >= frame.number:",
        "if frame.until_us < frame.t_us:",
        "test_activity::test_frames",
    ),
    Check(
        "first_us=in_range(min(times))",
        "first_us=min(times)",
        "test_single_checks::test_a_frame_batch_with_a_moment_that_no_calendar_holds_is_malformed",
    ),
    Check(
        "last_us=in_range(max(times))",
        "last_us=max(times)",
        "test_single_checks::test_a_frame_batch_with_a_moment_that_no_calendar_holds_is_malformed",
    ),
    Check(
        "if span.last_us - span.first_us > _REACH_US:",
        "if False:",
        "test_single_checks::test_frames_that_reach_further_than_a_batch_are_marked",
    ),
    Check(
        "{GAP} if not all(map(_sound, batch.gaps)) else set()",
        "set()",
        "test_activity::test_input",
    ),
    Check(
        "if bool(batch.ended) != batch.final:",
        "if False:",
        "test_activity::test_input",
    ),
    Check(
        "return gap.reason in _REASONS and ",
        "return ",
        "test_activity::test_input",
    ),
    Check(
        " and gap.count >= 0",
        "",
        "test_single_checks::test_a_gap_that_no_device_has_is_marked",
    ),
    Check(
        " and gap.from_us <= gap.to_us",
        "",
        "test_activity::test_input",
    ),
    Check(
        "columns.GAP_REASONS - columns.THINNED",
        "columns.GAP_REASONS",
        "test_single_checks::test_a_gap_that_no_device_has_is_marked",
    ),
]
