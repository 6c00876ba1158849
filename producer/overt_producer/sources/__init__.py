"""Where input, windows and pixels come from: X11, or a script that plays the same."""

from overt_producer.sources.events import (
    Allow,
    DisplayEpoch,
    Grab,
    InputCounters,
    InputKind,
    InputSource,
    Monitor,
    RawInput,
    Rect,
    ScreenSource,
    WindowContext,
    WindowKind,
    WindowSource,
    WindowState,
)

__all__ = [
    "Allow",
    "DisplayEpoch",
    "Grab",
    "InputCounters",
    "InputKind",
    "InputSource",
    "Monitor",
    "RawInput",
    "Rect",
    "ScreenSource",
    "WindowContext",
    "WindowKind",
    "WindowSource",
    "WindowState",
]
