"""Being visible: consent asked for in plain sight, and a badge while anything is captured."""

from overt_producer.presence.indicator import IndicatorLost, Patch, Sight, Verdict, Watch, verify
from overt_producer.presence.notice import Answer, Decision, Method, Notice

__all__ = [
    "Answer",
    "Decision",
    "IndicatorLost",
    "Method",
    "Notice",
    "Patch",
    "Sight",
    "Verdict",
    "Watch",
    "verify",
]
