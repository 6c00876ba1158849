"""How a verification is printed. Pure."""

import json
from dataclasses import asdict

from overt_sinks.audit.verify import Report


def as_text(report: Report) -> str:
    """Return one line of figures, and a line a finding."""
    verdict = f"{len(report.findings)} findings" if report.findings else "clean"
    lines = [
        f"{verdict}: {report.records} records in {report.objects} objects of"
        f" {report.partitions} partitions, {report.size_bytes} bytes,"
        f" {report.set_aside} set aside, {report.pending} pending"
    ]
    lines += [
        f"partition {f.partition}, offsets {f.first} to {f.last}: {f.kind.value}"
        for f in report.findings
    ]
    return "\n".join(lines)


def as_json(report: Report) -> str:
    """Return one JSON object."""
    findings = [
        {"kind": f.kind.name.lower(), "partition": f.partition, "first": f.first, "last": f.last}
        for f in report.findings
    ]
    return json.dumps({**asdict(report), "findings": findings})
