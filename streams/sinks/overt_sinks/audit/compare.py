"""One object against its rows: what is wrong with it, and what of it stands. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from overt_schemas.errors import Malformed
from overt_sinks.audit.account import Account
from overt_sinks.audit.contents import Contents
from overt_sinks.audit.findings import NOWHERE, Finding, Kind
from overt_sinks.index import HOT, Link
from overt_sinks.index.values import RunRow, Standing
from overt_sinks.naming import run_name
from overt_sinks.placing import PART
from overt_sinks.runs import Run

_STREAMS = {0: "input", 1: "frame"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """An object as the index has it; ``link`` is what a hot one was created as."""

    row: Standing
    runs: Sequence[RunRow] = field(default_factory=list)
    link: Link | None = None

    @property
    def is_leaving(self) -> bool:
        """Whether nothing points into it any more: the mover is about to delete it."""
        return not self.runs


def compare(subject: Subject, contents: Contents, account: Account) -> None:
    """Tell the account what is wrong with an object that was read, and what stands in it."""
    half = _half_erased(subject, contents)
    kinds = []
    if half:
        kinds.append(Kind.HALF_ERASED)
    else:
        if not _is_as_indexed(subject, contents):
            kinds.append(Kind.DIFFERS)
        if not _rows_agree(subject, contents):
            kinds.append(Kind.ROWS)
    for kind in kinds:
        account.findings.add(whole(kind, subject, contents))
    _stand(subject, contents, account, is_doubted=bool(kinds))


def whole(kind: Kind, subject: Subject, contents: Contents | None = None) -> Finding:
    """Return a finding about all of an object."""
    link, partition, first, last = subject.link, NOWHERE, NOWHERE, NOWHERE
    if link is not None:
        partition, first, last = link.kafka_part, link.first_offset, link.last_offset
    elif contents is not None and len(contents.sources) == 1:
        partition = contents.sources[0][1]
        first, last = int(contents.offsets.min()), int(contents.offsets.max())
    return Finding(
        kind=kind, partition=partition, first=first, last=last, tier=subject.row.tier,
        object=subject.row.object,
    )  # fmt: skip


def _is_as_indexed(subject: Subject, contents: Contents) -> bool:
    row = subject.row
    if (contents.sha256, contents.size, contents.records) != (row.sha256, row.bytes, row.records):
        return False
    if subject.link is None:
        # Only the chain makes hot objects, and a warm one is named by whose it is.
        return row.tier != HOT and row.object.startswith(
            f"person={row.person}/day={row.day}/class={row.class_}/"
        )
    return row.tier == HOT and _is_as_linked(subject.link, contents)


def _is_as_linked(link: Link, contents: Contents) -> bool:
    """Whether the object covers what its link says, and holds nothing else."""
    aside = ",".join(map(str, link.set_aside)).encode()
    try:
        covers = (contents.decimal("first_offset"), contents.decimal("last_offset"))
    except Malformed:
        return False
    return (
        covers == (link.first_offset, link.last_offset)
        and contents.metadata.get("overt.set_aside") == aside
        and set(contents.sources) <= {(link.topic_id, link.kafka_part)}
        and bool(((contents.offsets >= covers[0]) & (contents.offsets <= covers[1])).all())
    )


def _rows_agree(subject: Subject, contents: Contents) -> bool:
    """Whether each row is a run of the object; outside of hot also the other way round."""
    made = {run.byte_from: run for run in contents.runs}
    for row in subject.runs:
        run = made.get(row.byte_from)
        if run is None or _columns(row) != _of_run(row.object, run) or not _belongs(subject, row):
            return False
    # In hot, records that were moved away lose their rows and keep their bytes for a while.
    return subject.row.tier == HOT or len(subject.runs) == len(contents.runs)


def _belongs(subject: Subject, row: RunRow) -> bool:
    """Whether a run is of the one person, day and class of its object, if it is of one."""
    own = subject.row
    if own.tier == HOT:
        return True
    class_ = _STREAMS.get(row.stream, "") if row.kind == PART else "mark"
    return (row.person or "-", row.day, class_) == (own.person, own.day, own.class_)


def _half_erased(subject: Subject, contents: Contents) -> bool:
    """Whether records were blanked that the index still points at."""
    if not contents.blanked.any():
        return False
    made = {run.byte_from for run in contents.runs}
    return any(row.byte_from not in made for row in subject.runs)


def _stand(subject: Subject, contents: Contents, account: Account, *, is_doubted: bool) -> None:
    begins = {row.byte_from for row in subject.runs if row.superseded_ms == 0}
    active = [n for n, run in enumerate(contents.runs) if run.byte_from in begins]
    for source, offsets in contents.of(~contents.blanked):
        for first, last in account.returned(source, offsets):
            account.findings.add(
                Finding(
                    kind=Kind.RETURNED,
                    partition=source[1],
                    first=first,
                    last=last,
                    tier=subject.row.tier,
                    object=subject.row.object,
                )
            )
    for source, offsets in contents.standing(active):
        if is_doubted:
            account.doubted[source].add(offsets)
        gone = account.gone.get(source)
        account.stand(source, offsets if gone is None else offsets[~gone.holds(offsets)])


def _columns(row: RunRow) -> tuple[object, ...]:
    return (
        row.run, row.byte_len, row.records, row.kind, row.person, row.device, row.boot,
        row.activity, row.stream, row.segment, row.first_batch, row.last_batch, row.day,
    )  # fmt: skip


def _of_run(name: str, run: Run) -> tuple[object, ...]:
    first = run.first
    return (
        run_name(name, run.byte_from), run.byte_len, run.records, first.kind, first.person,
        first.device, first.boot, first.activity, first.stream, first.segment, first.batch,
        run.last_batch, first.day,
    )  # fmt: skip


def pairs(rows: Iterator[Standing], runs: Iterator[RunRow]) -> Iterator[Subject]:
    """Yield each object with its runs; both come in the order of objects."""
    ahead = next(runs, None)
    for row in rows:
        own = []
        while ahead is not None and ahead.object == row.object:
            own.append(ahead)
            ahead = next(runs, None)
        yield Subject(row=row, runs=own)
