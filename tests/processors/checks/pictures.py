"""Checks of core/pictures.py: frames that can be drawn."""

from tests.processors.checks.check import Check

CHECKS = [
    Check(
        "if not 0 <= frame.chunk < frame.chunks <= CHUNKS_LIMIT:",
        "if not frame.chunk < frame.chunks <= CHUNKS_LIMIT:",
        "test_pictures::test_what_no_reader_can_draw_does_not_pass",
    ),
    Check(
        "if not 0 <= frame.chunk < frame.chunks <= CHUNKS_LIMIT:",
        "if not 0 <= frame.chunk <= CHUNKS_LIMIT >= frame.chunks:",
        "test_pictures::test_what_no_reader_can_draw_does_not_pass",
    ),
    Check(
        "if not 0 <= frame.chunk < frame.chunks <= CHUNKS_LIMIT:",
        "if not 0 <= frame.chunk < frame.chunks:",
        "test_pictures::test_what_no_reader_can_draw_does_not_pass",
    ),
    Check(
        "if not 0 < frame.width * frame.height <= PIXELS_LIMIT or ",
        "if not frame.width * frame.height <= PIXELS_LIMIT or ",
        "test_pictures::test_what_no_reader_can_draw_does_not_pass",
    ),
    Check(
        "if not 0 < frame.width * frame.height <= PIXELS_LIMIT or ",
        "if not 0 < frame.width * frame.height or ",
        "test_pictures::test_what_no_reader_can_draw_does_not_pass",
    ),
    Check(
        " or frame.width < 0:",
        ":",
        "test_pictures::test_what_no_reader_can_draw_does_not_pass",
    ),
    Check(
        "if not all(_is_inside(op, frame.width, frame.height) for op in frame.ops):",
        "if False:",
        "test_pictures::test_what_no_reader_can_draw_does_not_pass",
    ),
    Check(
        "if drawn + copied > PIXELS_LIMIT:",
        "if drawn > PIXELS_LIMIT:",
        "test_pictures::test_what_no_reader_can_draw_does_not_pass",
    ),
    Check(
        "if drawn + copied > PIXELS_LIMIT:",
        "if copied > PIXELS_LIMIT:",
        "test_pictures::test_what_no_reader_can_draw_does_not_pass",
    ),
    Check(
        "if drawn and frame.chunk == 0 and _says(frame) != 4 * drawn:",
        "if False:",
        "test_pictures::test_what_no_reader_can_draw_does_not_pass",
    ),
    Check(
        "if drawn and frame.chunk == 0 and _says(frame) != 4 * drawn:",
        "if frame.chunk == 0 and _says(frame) != 4 * drawn:",
        "test_refine::test_frames_come_out_as_they_went_in",
    ),
    Check(
        "if drawn and frame.chunk == 0 and _says(frame) != 4 * drawn:",
        "if drawn and _says(frame) != 4 * drawn:",
        "test_pictures::test_what_a_reader_can_draw_passes",
    ),
    Check(
        "if op.width <= 0 or op.height <= 0:",
        "if op.width <= 0:",
        "test_pictures::test_what_no_reader_can_draw_does_not_pass",
    ),
    Check(
        "if op.width <= 0 or op.height <= 0:",
        "if op.height <= 0:",
        "test_pictures::test_what_no_reader_can_draw_does_not_pass",
    ),
    Check(
        "fits = 0 <= op.sx <= width - op.width and ",
        "fits = ",
        "test_pictures::test_what_no_reader_can_draw_does_not_pass",
    ),
    Check(
        " and 0 <= op.sy <= height - op.height",
        "",
        "test_pictures::test_what_no_reader_can_draw_does_not_pass",
    ),
    Check(
        "fits = op.kind == _DRAW",
        "fits = True",
        "test_pictures::test_what_no_reader_can_draw_does_not_pass",
    ),
    Check(
        "return fits and 0 <= op.x <= width - op.width and ",
        "return fits and ",
        "test_pictures::test_what_no_reader_can_draw_does_not_pass",
    ),
    Check(
        " and 0 <= op.y <= height - op.height",
        "",
        "test_pictures::test_what_no_reader_can_draw_does_not_pass",
    ),
    Check(
        "    except zstandard.ZstdError as exc:",
        "    except KeyError as exc:",
        "test_pictures::test_what_no_reader_can_draw_does_not_pass",
    ),
]
