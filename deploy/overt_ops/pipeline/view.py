"""The stream as a small picture, and as rows. Pure."""

from collections.abc import Mapping, Sequence

from overt_ops.pipeline.stages import Members, Stage
from overt_ops.pipeline.standing import Spot, Standing, lag
from overt_schemas.topics import PART

_STILL_S = 1.0  # a look at a quiet moment is no stall


def picture(
    stages: Sequence[Stage], now: Mapping[Spot, Standing], members: Mapping[str, Members]
) -> str:
    """Return the stages as lines: what they read, who runs them, how far they are."""
    first = [s for s in stages if s.topic != PART]
    behind = [s for s in stages if s.topic == PART]
    lines = [f"{s.topic} ─► {_line(s, now, members[s.name])}" for s in first]
    if behind:
        indent = " " * 8
        lines += [f"{indent}▼", f"{indent}{PART}"] if first else [f"{indent}{PART}"]
        for s in behind:
            corner = "└" if s is behind[-1] else "├"
            lines.append(f"{indent}{corner}─► {_line(s, now, members[s.name])} ─► {s.into}")
    return "\n".join(lines)


def _line(stage: Stage, now: Mapping[Spot, Standing], members: Members) -> str:
    own = {spot: s for spot, s in now.items() if spot[0] == stage.name}
    left = lag({spot: s.seen for spot, s in own.items()})
    rate = sum(s.rate for s in own.values())
    people = f"{members.count} member{'' if members.count == 1 else 's'}"
    line = f"{stage.name:13} {people:10} lag {left:<7} {rate:6.0f}/s"
    if members.count == 0:
        return f"{line}  nobody runs it"
    if members.state != "stable":
        line += f"  group {members.state}"
    missing = sorted(set(stage.partitions) - members.partitions)
    if missing and members.state == "stable":
        line += f"  partitions {_listed(missing)} are nobody's"
    still = [p for (_, p), s in own.items() if s.still_s >= _STILL_S]
    if still:
        line += f"  no commit in partitions {_listed(still)}: see `pipeline lag --stall-after 30s`"
    none = [p for (_, p), s in own.items() if s.seen.committed is None]
    if none:
        line += f"  no committed offset in partitions {_listed(none)}"
    return line


def _listed(partitions: Sequence[int]) -> str:
    return ", ".join(map(str, partitions))


def rows(now: Mapping[Spot, Standing]) -> list[dict[str, str | int | float | None]]:
    """Return a row of JSON for each partition."""
    return [
        {
            "stage": name, "partition": p, "committed": s.seen.committed, "start": s.seen.start,
            "end": s.seen.end, "lag": s.seen.lag, "expired": s.seen.expired,
            "rate": round(s.rate, 1), "still_s": round(s.still_s, 1),
        }
        for (name, p), s in now.items()
    ]  # fmt: skip
