"""What the reconciler says, a JSON line each on stderr. Grants by id; never who reads."""

import json
import sys
import time
from collections.abc import Mapping


def started(grants: int, key_set: int) -> None:
    """Everything was read; the first look follows."""
    _say("reconcile_started", grants=grants, key_set=key_set)


def record_refused(topic: str, reason: str) -> None:
    """A record is none, or nobody who may vouches for it; it changes nothing."""
    _say("record_refused", topic=topic, reason=reason)


def registry_away(reason: str) -> None:
    """The registries cannot be read at the moment; librdkafka goes on trying."""
    _say("registry_away", reason=reason)


def changed(kinds: Mapping[str, int], grants: list[str], took_s: float) -> None:
    """A look ended with changes, all carried out but for those told as failed."""
    _say("changed", **kinds, grants=grants, took_ms=round(took_s * 1000))


def change_failed(kind: str, grant: str, reason: str) -> None:
    """The brokers refused one change; the next look tries again."""
    _say("change_failed", kind=kind, grant=grant, reason=reason)


def look_failed(reason: str, wait_s: float) -> None:
    """The brokers could not be asked."""
    _say("look_failed", reason=reason, wait_s=round(wait_s, 1))


def noted(note: str) -> None:
    """Something was left alone."""
    _say("left_alone", note=note)


def ended() -> None:
    """Asked to end."""
    _say("reconcile_ended")


def _say(event: str, **values: object) -> None:
    line = {"event": event, "at_ms": time.time_ns() // 1_000_000, **values}
    sys.stderr.write(json.dumps(line) + "\n")
    sys.stderr.flush()
