"""What each reason code means, what to do, and whether redriving can help. Pure.

A redriven record is judged anew, by the same checks: redriving lets nothing in that was kept out.
So the question is only whether the answer can have changed. Bytes never do; registries may.
"""

from dataclasses import dataclass
from enum import Enum


class Helps(Enum):
    """Whether a redrive can help."""

    NEVER = "no"  # the bytes decide, and they stay
    LATER = "once it is known"  # a registry or a key was missing
    CHANGED = "only if the registry was put right"  # a rule said no for that moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One code."""

    code: str
    meaning: str
    action: str
    helps: Helps


_LOOK = "If one device sends many, look at that device; else discard."
_FORGED = "Somebody writes who should not, or a device is broken: look at the device, then discard."
_BUG = "An honest endpoint does not do that: keep the letter for its developers, then discard."


def _never(code: str, meaning: str, action: str = _LOOK) -> Reason:
    return Reason(code=code, meaning=meaning, action=action, helps=Helps.NEVER)


def _later(code: str, meaning: str, action: str) -> Reason:
    return Reason(code=code, meaning=meaning, action=action, helps=Helps.LATER)


def _changed(code: str, meaning: str, action: str) -> Reason:
    return Reason(code=code, meaning=meaning, action=action, helps=Helps.CHANGED)


_TABLE = (
    # ---- bytes that are not what their framing says
    _never("empty", "The record has no value."),
    _never("size", "The record, or what it says of its own sizes, is over a limit."),
    _never("oversize", "The letter was too large for its topic and went without its value."),
    _never("malformed", "The bytes are not what their framing or schema says."),
    _never("unknown_schema", "The schema id is none of ours."),
    _never("schema_not_allowed", "A schema that has no place on that topic."),
    _never("header", "The clear header cannot be: length, version, or a number out of range."),
    _never("stream", "An input batch on the frame topic, or the other way round."),
    _never("padding", "Signed and opened, but the padding is not as it must be.", _BUG),
    _never("bomb", "It would unpack to more than a batch may hold.", _FORGED),
    _never("inflate", "It does not unpack.", _BUG),
    _never("columns", "The columns of events do not fit each other.", _BUG),
    _never("time", "A time outside 2020 to 2100.", _BUG),
    _never("raster", "A frame that cannot be drawn within a screen's limits.", _FORGED),
    _never("bounds", "A count, or a number of an activity, that no boot can hold.", _BUG),
    _never("cose", "The ciphertext is not framed as COSE says."),
    _never("segment", "A part whose header names another segment."),
    _never("mark", "A mark of an unknown kind."),
    _never("commitment", "A segment's key is not the one its header promises.", _FORGED),
    # ---- signatures, tags, hashes
    _never("signature", "The signature does not verify.", _FORGED),
    _never("untrusted", "Something in it does not verify.", _FORGED),
    _never("key", "The record's key is not the device that signed it.", _FORGED),
    _never("period", "Clear header and period header name different periods.", _FORGED),
    _never("wrap", "The content key is not wrapped for the key it names.", _FORGED),
    _never("tag", "It does not open under its period's key: changed on the way.", _FORGED),
    _never("tombstone", "A tombstone whose reasons or signatures do not fit.", _FORGED),
    # ---- unknown: the registries were read to their end and did not name it
    _later("unknown_device", "No registry names the device.",
           "Was it enrolled since? `stream-ops dlq redrive --reason unknown_device`; "
           "a stranger's stays unknown: discard."),
    _later("unknown_person", "No registry names the person.",
           "Redrive once the person is registered; discard if there is none."),
    _later("unknown_consent", "No consent of that id is registered.",
           "Redrive once the authority has taken the receipt; without one it must not be kept."),
    _later("unknown_policy", "The policy is on no registry.",
           "Redrive once the policy is published; check who signed a policy you do not know."),
    _later("unknown_beacon", "The beacon it names is none the authority published.",
           "Redrive if the beacon topic was restored; else it was captured without a lease."),
    _later("unknown_person_key", "The person has no key for that week.",
           "Redrive once the authority has published the week's key."),
    _later("unknown_epoch", "It is sealed for a processors' key that is not at hand.",
           "Redrive once the key is handed out again; after the epoch's end nobody can open it."),
    _later("unknown_key", "Signed by a key that the key set does not name.",
           "Redrive once the key set names it; a key nobody knows is a forger's."),
    _later("no_key", "No key of that role is in the key set.",
           "Redrive once the key set is published."),
    _later("key_expired", "Signed by a key outside its time in the key set.",
           "Redrive if the key set was put right; else discard."),
    _later("key_set", "The key set in force could not be believed.",
           "Look at overt.control.v1 and the root key, then redrive."),
    # ---- understood, and not allowed at its event time
    _changed("device_revoked", "The device is revoked.",
             "Leave it. Redrive only if the device was revoked by mistake and is active again."),
    _changed("person_state", "The person is not active.",
             "Leave it. Redrive only if the person's state was wrong and was put right."),
    _changed("wrong_person", "The device did not seal for that person then.",
             "Look at who used the device; redrive only if the registry's spans were put right."),
    _changed("no_consent", "No consent covers that moment under that policy.",
             "Leave it: what was not agreed to is not kept. Redrive only if a receipt was late."),
    _changed("policy", "The policy was not in force under that beacon, or is another group's.",
             "Look at the device's group; redrive only if the registry was put right."),
    _changed("outside_lease", "Captured outside the life of the beacon it names.",
             "Look at the device's clock; redrive only if the beacons were put right."),
    _changed("after_pause", "Captured after a pause began.",
             "Leave it: a pause means that nothing is kept. Discard after your inquiry."),
    _changed("erased", "The person or device was erased.",
             "Leave it: retention removes it. It must not come back."),
    _changed("grant", "A grant's id that cannot be.",
             "Look at overt.grant.v1; the part itself is stored."),
    _changed("origin", "A feed record that does not say where it came from.",
             "Look at the feed app; the part itself is stored."),
)  # fmt: skip
REASONS = {reason.code: reason for reason in _TABLE}


def explain(code: str) -> Reason:
    """Return what a code means; an unknown one is said to be unknown, and may be redriven."""
    return REASONS.get(code) or Reason(
        code=code,
        meaning="No code of this version: a newer or older processor wrote it.",
        action="Ask that version's `dlq explain`.",
        helps=Helps.CHANGED,
    )
