"""Which stored runs a grant covers, and reading them.

Subscribers have no identity at the store: what the index lists for them and what they may read is
one rule. A request that names one run outside the grant is refused whole.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from overt_authority import telemetry
from overt_authority.database import Database
from overt_authority.grants import rules
from overt_authority.grants.index import NOTICE, Index, Run
from overt_authority.grants.store import Grants
from overt_authority.log.append import AuditLog, Draft
from overt_authority.people import store as people
from overt_schemas import api
from overt_schemas.clock import Clock
from overt_schemas.errors import Refused
from overt_schemas.records import Grant, Person

_KIND = "read"
_NO_STREAM = -1  # a boot end belongs to both streams


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some runs, the cursor behind them, and whether there are more now."""

    runs: tuple[Run, ...]
    after: int
    more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """Runs that may be read now, in the order asked, and when their grant ends by itself."""

    runs: tuple[Run, ...]
    until_ms: int


class Reading:
    """Lists and opens runs for the holder of a grant."""

    def __init__(
        self, database: Database, grants: Grants, index: Index, log: AuditLog, clock: Clock
    ) -> None:
        self._database, self._grants, self._index = database, grants, index
        self._log, self._clock = log, clock

    def segments(self, subscriber: str, grant_id: str, after: int, limit: int) -> Page:
        """Return the next runs the grant covers.

        Raises:
            Refused: the grant gives this subscriber nothing.
            Transient: the log or the index does not answer.
        """
        grant = self._grant(subscriber, grant_id)
        self._log.check()
        found = self._index.page(grant.cohort, after, limit)
        with self._database.read() as db:
            known = {name: people.find(db, name) for name in {run.person for run in found.runs}}
        covered = tuple(run for run in found.runs if refusal(grant, run, known[run.person]) is None)
        return Page(runs=covered, after=found.after, more=found.more)

    def open(
        self, subscriber: str, grant_id: str, names: Sequence[str], *,
        fits: Callable[[Sequence[Run]], None] | None = None,
    ) -> Opened:  # fmt: skip
        """Return the runs of those names, in that order, once the reading is logged.

        ``fits`` may raise, and then nothing is logged: nothing will be read.

        Raises:
            Refused: the grant gives nothing, or one run is not covered: then none is.
            Transient: the log or the index does not answer.
        """
        try:
            grant = self._grant(subscriber, grant_id)
            runs = self._covered(grant, names)
        except Refused as exc:
            self._log.append([
                Draft(
                    kind=_KIND, actor=subscriber, grant=grant_id,
                    detail=f"refused={exc.reason} {_named(names)}",
                )
            ])  # fmt: skip
            raise
        if fits is not None:
            fits(runs)
        self._log.append([
            Draft(
                kind=_KIND, actor=subscriber, grant=grant.grant, purpose=grant.purpose,
                person=person, detail=f"runs={count} {_named(names)}",
            )
            for person, count in sorted(Counter(run.person for run in runs).items())
        ])  # fmt: skip
        telemetry.runs_read(len(runs), sum(run.byte_len for run in runs))
        return Opened(runs=tuple(runs), until_ms=grant.not_after_ms)

    def _grant(self, subscriber: str, grant_id: str) -> Grant:
        held = self._grants.find(grant_id)
        return rules.check_grant(held, subscriber, self._clock.wall_us() // 1000)

    def _covered(self, grant: Grant, names: Sequence[str]) -> list[Run]:
        found = self._index.find(names)
        with self._database.read() as db:
            known = {name: people.find(db, name) for name in {r.person for r in found.values()}}
        for name in names:
            # A run that is not there is refused like one that is not granted: names tell nothing.
            run = found.get(name)
            code = refusal(grant, run, known[run.person]) if run else api.OUT_OF_SCOPE
            if code is not None:
                raise Refused("a run is not covered by the grant", reason=code)
        return [found[name] for name in names]


def refusal(grant: Grant, run: Run, person: Person | None) -> str | None:
    """Return why a grant does not cover a run, or None if it does. Pure.

    A notice names no person: any grant in force shows it, for holes have to be explained.
    """
    if run.kind == NOTICE:
        return None
    stream = grant.streams[0] if run.stream == _NO_STREAM else run.stream
    asked = rules.Segment(person=run.person, device=bytes.fromhex(run.device), stream=stream)
    return rules.refusal(grant, asked, person)


def _named(names: Sequence[str]) -> str:
    return f"of={len(names)} sha256={hashlib.sha256(' '.join(names).encode()).hexdigest()}"
