"""`overt-sink verify`: does each committed offset stand in exactly one object? SHELL.

Reads every object once, as the sink's own identity, one in memory at a time. It may run beside a
sink: what a sink adds meanwhile is seen or not, and is no finding.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from overt_schemas.errors import Malformed, Transient
from overt_sinks import brokers, container, settings
from overt_sinks.audit import findings
from overt_sinks.audit.findings import Finding, Kind
from overt_sinks.index import Index
from overt_sinks.index import Link as Row
from overt_sinks.naming import Partition, parse_object, topic_folder
from overt_sinks.settings import Settings
from overt_sinks.stores.store import NotFound, Store, open_store


@dataclass(slots=True, kw_only=True)
class Report:
    """What verifying gave; ``unproven`` says why the committed offsets were not compared."""

    partitions: int = 0
    objects: int = 0
    records: int = 0
    set_aside: int = 0
    pending: int = 0
    size_bytes: int = 0
    unproven: str = ""
    findings: list[Finding] = field(default_factory=list)


def verify(config: Settings) -> Report:
    """Return the account of everything the sink stored of its topic."""
    index = Index(config.index.url)
    index.create()
    bucket = open_store(config.store.url, config.store.hot, settings.store_keys(config.store))
    report = Report()
    committed: Mapping[Partition, int] = {}
    try:
        # Asked first: what is committed later is no promise that the index had kept when read.
        committed = brokers.committed(config.kafka, config.sink.group, config.sink.topic)
    except Transient as exc:
        report.unproven = str(exc)
    check(index, bucket, config.sink.topic, committed, report)
    index.close()
    return report


def check(
    index: Index, bucket: Store, topic: str, committed: Mapping[Partition, int], report: Report
) -> None:
    """Fill the report from index and store."""
    names = [parse_object(item.name) for item in bucket.list(topic_folder(topic))]
    rows: dict[Partition, list[Row]] = defaultdict(list)
    for row in index.links():
        rows[parse_object(row.object)[0]].append(row)
    for own in rows.values():
        report.findings += findings.chain_findings(own)
        for row in own:
            _check_object(index, bucket, row, report)
    report.findings += findings.commit_findings(rows, committed)
    strays, report.pending = findings.stray_findings(names, rows)
    report.findings += strays
    report.partitions = len(rows)


def _check_object(index: Index, bucket: Store, row: Row, report: Report) -> None:
    try:
        found, parts = container.read(bucket.read(row.object))
    except NotFound:
        report.findings.append(_whole(Kind.MISSING, row))
        return
    except Malformed:
        report.findings.append(_whole(Kind.UNREADABLE, row))
        return
    report.findings += findings.object_findings(row, found, parts)
    if not findings.rows_agree(found, index.runs(row.object)):
        report.findings.append(_whole(Kind.ROWS, row))
    report.objects += 1
    report.records += found.records
    report.set_aside += len(found.set_aside)
    report.size_bytes += found.size


def _whole(kind: Kind, row: Row) -> Finding:
    return Finding(
        kind=kind, partition=row.kafka_part, first=row.first_offset, last=row.last_offset
    )
