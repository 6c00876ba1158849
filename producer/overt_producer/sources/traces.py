"""Recordings of real people, replayed as scripts.

DuckTrack's ``events.jsonl`` (format: the README beside the recordings): one JSON object a line,
``time_stamp`` in seconds from anywhere, ``action`` one of move, click, scroll, press, release,
with pynput's names for keys. Points of a Retina screen are fractions; they are rounded. It has no
keycodes, so those of a US keyboard stand in, and no windows: one editor is in front throughout.
"""

import json
from pathlib import Path
from typing import Any

from overt_producer.sources.events import InputKind, RawInput, Rect, WindowContext
from overt_producer.sources.keys import key_named
from overt_producer.sources.script import EDITOR, Front, Script, hold_buttons
from overt_schemas.errors import Malformed

BUTTONS = {"left": 1, "middle": 2, "right": 3}
UP, DOWN, LEFT, RIGHT = 4, 5, 6, 7


def read_ducktrack(path: Path, width: int = 1512, height: int = 982) -> Script:
    """Return a DuckTrack recording as a script. Raises Malformed, naming the line.

    Args:
        path: of ``events.jsonl``.
        width: of the screen it was recorded on, in points.
        height: likewise.
    """
    inputs: list[RawInput] = []
    begin_s: float | None = None
    x = y = 0
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                event = json.loads(line)
                seconds = float(event["time_stamp"])
                begin_s = seconds if begin_s is None else begin_s
                x, y = round(event.get("x", x)), round(event.get("y", y))
                inputs += _inputs(event, round((seconds - begin_s) * 1000), x, y)
            except (ValueError, KeyError, TypeError) as exc:
                raise Malformed(f"line {number} of the recording is no event") from exc
    window = WindowContext(
        app=EDITOR.app,
        instance=EDITOR.instance,
        title=EDITOR.title,
        rect=Rect(x=0, y=0, width=width, height=height),
    )
    inputs.sort(key=lambda event: event.t_ms)
    return Script(
        inputs=tuple(hold_buttons(inputs)),
        fronts=(Front(t_ms=0, window=window),),
        width=width,
        height=height,
    )


def _inputs(event: dict[str, Any], t_ms: int, x: int, y: int) -> list[RawInput]:
    """Return the inputs of one recorded event: none or several for a scroll, else one."""
    match event["action"]:
        case "move":
            return [RawInput(t_ms=t_ms, kind=InputKind.MOVE, x=x, y=y)]
        case "click":
            kind = InputKind.PRESS if event["pressed"] else InputKind.RELEASE
            return [RawInput(t_ms=t_ms, kind=kind, x=x, y=y, code=BUTTONS[event["button"]])]
        case "scroll":
            across = RIGHT if event["dx"] > 0 else LEFT
            along = UP if event["dy"] > 0 else DOWN
            codes = [across] * abs(int(event["dx"])) + [along] * abs(int(event["dy"]))
            return [
                RawInput(t_ms=t_ms, kind=InputKind.SCROLL, x=x, y=y, code=code) for code in codes
            ]
        case "press" | "release" as action:
            kind = InputKind.KEY_DOWN if action == "press" else InputKind.KEY_UP
            key = key_named(event["name"])
            return [RawInput(t_ms=t_ms, kind=kind, x=x, y=y, code=key.code, keysym=key.keysym)]
        case _:
            raise ValueError("unknown action")
