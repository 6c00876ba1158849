"""What a verification gave, and how it is printed: text without names, JSON with them. Pure."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from overt_sinks.audit.account import Account
from overt_sinks.audit.findings import NOWHERE, Finding, Findings, Kind

SHOWN = 20


@dataclass(slots=True, kw_only=True)
class Tally:
    """What was read.

    Attributes:
        leaving: objects that nothing points into any more: the mover is about to delete them.
        archived: objects in a class that answers only after it was asked to bring them back.
        changed: objects that were moved, erased or expired between snapshot and reading.
    """

    objects: int = 0
    size_bytes: int = 0
    leaving: int = 0
    changed: int = 0
    archived: int = 0


@dataclass(slots=True, kw_only=True)
class Report:
    """What verifying gave.

    Attributes:
        pending: objects at the end of a chain; ``moving``: of moves under way. No findings.
        unproven: what could not be compared, and why.
    """

    quick: bool = False
    pending: int = 0
    moving: int = 0
    seconds: float = 0.0
    tally: Tally = field(default_factory=Tally)
    account: Account = field(default_factory=Account)
    unproven: list[str] = field(default_factory=list)

    @property
    def findings(self) -> Findings:
        """What is wrong."""
        return self.account.findings

    def note_unread(self) -> None:
        """Say what was not read, and is therefore not proved."""
        for count, why in ((self.tally.changed, "were moved or erased meanwhile: run it again"),
                           (self.tally.archived, "are archived and were not read")):  # fmt: skip
            if count:
                self.unproven.append(f"{count} objects {why}")

    @property
    def seconds_per_million(self) -> float:
        """How long a million records take at this pace; 0 if there is none."""
        standing = self.account.standing
        return self.seconds / standing * 1e6 if standing else 0.0


def as_text(report: Report) -> str:
    """Return one line of figures, and a line a finding."""
    account, tally = report.account, report.tally
    total = account.findings.counts.total()
    verdict = f"{total} findings" if total else "clean"
    how = ", quick: no bytes were read" if report.quick else ""
    lines = [
        f"{verdict}: {account.standing} records in {tally.objects} objects of"
        f" {len(account.covered)} partitions, {tally.size_bytes} bytes,"
        f" {account.set_aside} set aside, {account.gone_count} gone,"
        f" {report.pending} pending, {report.moving} moving, {tally.leaving} leaving{how}",
        f"{report.seconds:.1f} s, {report.seconds_per_million:.1f} s a million records",
    ]
    lines += [line(finding) for finding in account.findings.kept[:SHOWN]]
    if total > SHOWN:
        counts = ", ".join(
            f"{n} {kind.name.lower()}" for kind, n in _ordered(account.findings.counts)
        )
        lines.append(f"... in all {counts}; -o json shows more, with names of objects")
    return "\n".join(lines)


def line(finding: Finding) -> str:
    """Return a finding as a line; warm names hold pseudonyms, so no name is in it."""
    if finding.kind is Kind.SUMS:
        return (
            f"links cover {finding.first} offsets, {finding.last} accounted: {finding.kind.value}"
        )
    if finding.first == NOWHERE:
        where = f"tier {finding.tier}"
    else:
        where = f"partition {finding.partition}, offsets {finding.first} to {finding.last}"
        where += f", tier {finding.tier}" if finding.tier else ""
    return f"{where}: {finding.kind.value}"


def as_dict(report: Report) -> dict[str, Any]:
    """Return everything for a program."""
    account, tally = report.account, report.tally
    return {
        "clean": not account.findings and not report.unproven,
        "quick": report.quick, "partitions": len(account.covered), "links": account.links,
        "objects": tally.objects, "records": account.standing, "size_bytes": tally.size_bytes,
        "set_aside": account.set_aside, "gone": account.gone_count, "pending": report.pending,
        "moving": report.moving, "leaving": tally.leaving, "changed": tally.changed,
        "archived": tally.archived,
        "seconds": round(report.seconds, 3),
        "seconds_per_million": round(report.seconds_per_million, 3),
        "unproven": report.unproven,
        "counts": {kind.name.lower(): n for kind, n in _ordered(account.findings.counts)},
        "findings": [found(finding) for finding in account.findings.kept],
    }  # fmt: skip


def as_json(report: Report) -> str:
    """Return one JSON object in one line."""
    return json.dumps(as_dict(report))


def found(finding: Finding) -> dict[str, object]:
    """Return a finding for a program."""
    return {
        "kind": finding.kind.name.lower(), "partition": finding.partition,
        "first": finding.first, "last": finding.last, "tier": finding.tier,
        "object": finding.object,
    }  # fmt: skip


def _ordered(counts: Counter[Kind]) -> Iterable[tuple[Kind, int]]:
    return ((kind, counts[kind]) for kind in Kind if counts[kind])
