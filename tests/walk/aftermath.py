"""What a storm left: figures, and a sentence for each reason why the account does not close. Pure.

Held against each other: what the endpoints' spools say, what a reader found in the store, what a
live reader was shown meanwhile, what the trials did on purpose, and the sessions' fold.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.walk.trials import Trials


@dataclass(frozen=True, slots=True, kw_only=True)
class Aftermath:
    """What was spooled and what was read of it.

    Attributes:
        wrong: one sentence for each reason why the account does not close.
    """

    events: int
    killed: Mapping[str, int]
    tried: Mapping[str, int]
    stored: Mapping[str, Any]
    live: Mapping[str, Any]
    expired: int
    sessions: Mapping[str, int]
    wrong: Sequence[str]
    seconds: float

    def figures(self) -> dict[str, Any]:
        """Return the bench row and what stands behind it."""
        both = (self.stored, self.live)
        return {
            "events": self.events, "kills": sum(self.killed.values()),
            "trials": sum(self.tried.values()),
            "lost": sum(one["lost"] for one in both),
            "duplicated": sum(one["duplicated"] for one in both),
            "out_of_order": sum(one["out_of_order"] for one in both),
            "unlabelled_gaps": self.stored["holes"],
            "sessions_differ": self.sessions["differing"] + self.sessions["behind"],
            "seconds": round(self.seconds),
            "read": self.stored["read"], "thinned": self.stored["thinned"],
            "read_live": self.live["read"], "repeats": self.stored["repeats"],
            "expired_batches": self.expired, "tombstones": self.stored["tombstones"],
            "withheld": sum(self.stored["withheld"].values()),
            "sessions": self.sessions["same"],
            "killed": dict(self.killed), "tried": dict(self.tried), "wrong": list(self.wrong),
        }  # fmt: skip


def wrongs(
    spools: Sequence[Mapping[str, Any]], summary: Mapping[str, Any], live: Mapping[str, Any],
    expected: int, expired: int, tests: Trials, sessions: Mapping[str, int],
) -> list[str]:  # fmt: skip
    """Return one sentence for each reason why the account does not close."""
    said = list(_each(spools, summary["per_device"]))
    sent = sum(sum(one["spooled"].values()) for one in spools)
    came = sum(
        boot["input_batches"] + boot["frame_batches"]
        for boots in summary["per_device"].values() for boot in boots.values()
    )  # fmt: skip
    told = summary["tombstones"] + sum(summary["withheld"].values()) + expired
    if sent - came != told:
        said.append(f"{sent - came} batches did not come, {told} are accounted for")
    # What the killed ship had sent without having noted it came as content, which wins.
    if not bool(tests.let_go) <= summary["tombstones"] <= tests.let_go:
        said.append(f"{tests.let_go} batches were let go, {summary['tombstones']} tombstones tell")
    if expired > tests.expired or (tests.expired and not expired):
        said.append(f"{tests.expired} raw records expired, {expired} batches are told of")
    zero = ("lost", "duplicated", "out_of_order", "holes", "red", "open", "quarantined",
            "chain_breaks", "frames_bad", "frames_missing", "late")  # fmt: skip
    for name, report in (("stored", summary), ("live", live)):
        # A live reader ends when it is told to: what is open then is no finding.
        bad = {key: report[key] for key in zero if report[key] and (name, key) != ("live", "open")}
        bad |= {key: report[key] for key in ("rejected", "refused") if report[key]}
        said += [f"{name}: {count} {what}" for what, count in bad.items()]
    if live["read"] != expected:
        said.append(f"live {live['read']} events, stored {expected}")
    differ = sessions["differing"] + sessions["behind"] + sessions["refused"]
    if differ:
        said.append(f"sessions: {dict(sessions)}")
    return said


def _each(
    spools: Sequence[Mapping[str, Any]], devices: Mapping[str, Mapping[str, Mapping[str, int]]]
) -> Iterator[str]:
    for one in spools:
        boots = devices.get(one["id"], {}).values()
        have = Counter[str]()
        for boot in boots:
            have.update(boot)
        if sum(one["pending"].values()):
            yield f"{one['device']} has records left in its spool"
        if one["spooled"].get("input", 0) != have["input_batches"]:
            continue  # what the missing batches held, nobody can read; they are counted above
        if one["events_spooled"] != have["events"] + have["thinned"]:
            yield (
                f"{one['device']} spooled {one['events_spooled']}, read {have['events']} and"
                f" {have['thinned']} thinned"
            )
