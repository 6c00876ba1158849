"""Which policy texts are acceptable, and when one is a new version. Pure."""

import re
import tomllib
from dataclasses import MISSING, fields, replace
from typing import Any, get_type_hints

from overt_authority.keys.epochs import SPOOL_AGE_H
from overt_schemas.errors import Malformed
from overt_schemas.records import Policy

GROUP = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")  # stands in certificates and Kafka principals
_MAX_PERIOD_S = 600
_MAX_HOLD_BACK_MS = 3500
_MAX_TOLERANCE_PX = 16  # a button is larger; what is coarser is no path any more
_NAMES = {f.name for f in fields(Policy)} - {"version"}
_OPTIONAL = {f.name for f in fields(Policy) if f.default is not MISSING}
_POSITIVE = (
    "idle_gap_s", "segment_s", "segment_bytes", "period_s", "frame_interval_ms", "spool_age_h",
    "spool_bytes",
)  # fmt: skip


def parse(text: str) -> Policy:
    """Return the policy in a TOML file, as version 0.

    Raises:
        Malformed: not TOML, a field too few or too many, a wrong type or a value out of bounds.
    """
    try:
        values: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        raise Malformed("a policy file is not TOML", reason="policy") from exc
    if not _NAMES - _OPTIONAL <= set(values) <= _NAMES:
        wrong = ", ".join(sorted((set(values) ^ _NAMES) - (_OPTIONAL - set(values))))
        raise Malformed(f"a policy file lacks or invents: {wrong}", reason="policy")
    hints = get_type_hints(Policy)
    for name, value in values.items():
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            values[name] = tuple(value)
        elif type(value) is not hints[name]:
            raise Malformed(f"policy field {name} has the wrong type", reason="policy")
    policy = Policy(version=0, **values)
    _bound(policy)
    return policy


def next_version(newest: Policy | None, wanted: Policy) -> Policy | None:
    """Return the policy to publish, or None when the newest one says the same."""
    if newest is None:
        return replace(wanted, version=1)
    if replace(newest, version=0) == replace(wanted, version=0):
        return None
    return replace(wanted, version=newest.version + 1)


def key(policy: Policy) -> bytes:
    """Return the key of a policy on overt.control.v1."""
    return f"policy/{policy.group}/{policy.version}".encode()


def _bound(policy: Policy) -> None:
    if not GROUP.fullmatch(policy.group):
        raise Malformed("a group is named by a-z, 0-9 and -", reason="policy")
    if not policy.notice.strip() or not policy.purposes:
        raise Malformed("a policy needs a notice and a purpose", reason="policy")
    if any(getattr(policy, name) <= 0 for name in _POSITIVE):
        raise Malformed("times and sizes of a policy are positive", reason="policy")
    if policy.spool_age_h > SPOOL_AGE_H:
        raise Malformed(
            f"content may wait {SPOOL_AGE_H} h at an endpoint: its key does not live longer",
            reason="policy",
        )
    if policy.period_s > _MAX_PERIOD_S or not 0 <= policy.hold_back_ms <= _MAX_HOLD_BACK_MS:
        raise Malformed("period or hold-back of a policy is too long", reason="policy")
    if not 0 <= policy.move_tolerance_px <= _MAX_TOLERANCE_PX or policy.frame_floor_ms < 0:
        raise Malformed(
            "moves are kept within 0 to 16 pixels, frames by 0 ms or more", reason="policy"
        )
    if not 1 <= policy.scene_percent <= 100:
        raise Malformed("a scene change is 1 to 100 per cent of the screen", reason="policy")
