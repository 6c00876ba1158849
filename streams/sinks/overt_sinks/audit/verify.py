"""`overt-sink verify`: is each committed offset where it should be, once, byte for byte? SHELL.

Reads every object of every tier once against one snapshot of the index, then lists every bucket
with all its versions. It may run beside a sink and a mover: what they did meanwhile is no finding.
``quick`` compares index and listings and reads no bytes: it cannot say of one offset where it is.
"""

import time
from collections.abc import Mapping

import sqlalchemy as sa

from overt_schemas.errors import OvertError, Permanent, Transient
from overt_sinks import brokers
from overt_sinks.audit import rows
from overt_sinks.audit.account import Account
from overt_sinks.audit.compare import whole
from overt_sinks.audit.findings import Finding, Kind
from overt_sinks.audit.gaps import Summary, gaps
from overt_sinks.audit.reading import Progress, Reading, subjects
from overt_sinks.audit.report import Report
from overt_sinks.audit.tiers import PROBES, Names, Standing, Tiers, odd, open_tiers
from overt_sinks.index import Index, gone_rows
from overt_sinks.index.engine import Engine
from overt_sinks.naming import Partition
from overt_sinks.settings import Settings

WORKERS = 2
_OLD_UPLOAD_MS = 3_600_000  # a younger one may still be under way


def verify(
    config: Settings,
    *,
    quick: bool = False,
    workers: int = WORKERS,
    progress: Progress = lambda _done, _total: None,
) -> tuple[Report, Summary]:
    """Return the account of everything in any tier, and what of the log is in no object."""
    index = Index.existing(config.index.url)
    report = Report(quick=quick)
    committed = committed_offsets(config, report.unproven)
    check(index, open_tiers(config), committed, report, workers=workers, progress=progress)
    with index.transaction(snapshot=True) as db:
        gone = gone_rows.all_gone(db)
        found = Summary.of(gaps(report.account, gone, committed, quick=quick))
    index.close()
    return report, found


def committed_offsets(config: Settings, unproven: list[str]) -> Mapping[Partition, int]:
    """Return the sink's committed offsets, or none and why not.

    Asked before anything else: what is committed later is no promise that the index had kept.
    """
    try:
        return brokers.committed(config.kafka, config.sink.group, config.sink.topic)
    except (Transient, Permanent) as exc:
        unproven.append(f"committed offsets were not compared: {exc}")
        return {}


def check(
    engine: Engine,
    tiers: Tiers,
    committed: Mapping[Partition, int],
    report: Report,
    *,
    workers: int = WORKERS,
    progress: Progress = lambda _done, _total: None,
) -> None:
    """Fill the report from index and buckets."""
    began = time.monotonic()
    account = report.account
    with engine.transaction(snapshot=True) as db:
        load_ledger(db, account)
        account.committed(committed)
        if report.quick:
            names = _list(engine, tiers, report)
            _count(db, names, report, progress)
        else:
            reading = Reading(engine=engine, tiers=tiers, account=account, tally=report.tally)
            reading.run(db, workers, progress)
    if not report.quick:
        _list(engine, tiers, report)
        account.close()
    _look_beside(tiers, report)
    report.note_unread()
    report.seconds = time.monotonic() - began


def load_ledger(db: sa.Connection, account: Account) -> None:
    """Tell the account what the chain covers and what is gone."""
    for link in rows.links(db):
        account.link(link)
    for gone in gone_rows.all_gone(db):
        account.leave((gone.topic_id, gone.kafka_part), gone.gone.first, gone.gone.last)


def _list(engine: Engine, tiers: Tiers, report: Report) -> Names:
    names = Names()
    for item in odd(engine, tiers, names):
        if item.standing is Standing.PENDING:
            report.pending += 1
        elif item.standing is Standing.MOVING:
            report.moving += 1
        elif item.standing is Standing.STRAY:
            report.account.findings.add(
                Finding(kind=Kind.STRAY, tier=item.tier, object=item.name, **item.covers())
            )
    return names


def _count(db: sa.Connection, names: Names, report: Report, progress: Progress) -> None:
    """Add up what the index says stands, and find what of it was not listed."""
    account, total = report.account, rows.count_objects(db)
    for done, subject in enumerate(subjects(db), 1):
        row = subject.row
        account.standing += sum(run.records for run in subject.runs if run.superseded_ms == 0)
        report.tally.objects += 1
        report.tally.size_bytes += row.bytes
        report.tally.leaving += subject.is_leaving
        if not subject.is_leaving and not names.holds(row.tier, row.object):
            account.findings.add(whole(Kind.MISSING, subject))
        progress(done, total)
    account.close_by_sums()


def _look_beside(tiers: Tiers, report: Report) -> None:
    """Find what no listing shows: versions, delete markers, uploads that never ended."""
    old_ms = time.time_ns() // 1_000_000 - _OLD_UPLOAD_MS
    for tier, store in tiers.items():
        try:
            for version in store.versions(""):
                if not version.name.startswith(PROBES):
                    report.account.findings.add(
                        Finding(kind=Kind.HIDDEN, tier=tier, object=version.name)
                    )
            for upload in store.uploads(""):
                if upload.begun_ms < old_ms:
                    report.account.findings.add(
                        Finding(kind=Kind.UPLOAD, tier=tier, object=upload.name)
                    )
        except OvertError as exc:
            report.unproven.append(f"versions of tier {tier} were not looked at: {exc}")
