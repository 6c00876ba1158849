"""The index of stored parts, read-only, by the contract's version 2 (``overt_schemas.index``).

The sinks write it; here every connection is opened so that it cannot write, whatever a query says,
and the role that a server knows us by need only select ``objects`` and ``runs``.

A page is cut by ``seen`` and reads about as many rows as it may return, however many there are: for
a few people along ``runs_by_person``, merged; for many along ``runs_by_seen``, passing over others'
rows, at most ``_WINDOW`` of them. A superseded run is on no page (its records stand in a run that
is, with the highest ``seen`` of those it replaces), but is found by name until its row goes.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from overt_schemas.errors import Transient

NOTICE = "notice"
_NOBODY = ""  # whose run a notice is: it names no person
_FEW = 64  # people whose runs are merged; each costs a search in the index
_WINDOW = 10_000  # rows that one page reads at most on behalf of many people: some 30 ms
_MANY = 500  # names in one query
_PATIENCE_MS = 10_000  # a server that answers later than this is as good as away


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run of consecutive records of one segment, or a mark, in one object."""

    run: str
    object: str
    byte_from: int
    byte_len: int
    records: int
    kind: str
    person: str
    device: str
    boot: str
    activity: int
    stream: int
    segment: int
    first_batch: int
    last_batch: int
    seen: int
    tier: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """Runs of a page, the cursor behind what was looked at, and whether there is more now."""

    runs: tuple[Run, ...]
    after: int
    more: bool


_OBJECTS = sa.table("objects", sa.column("object"), sa.column("tier"), sa.column("bytes"))
_RUNS = sa.table(
    "runs",
    *(sa.column(field.name) for field in fields(Run) if field.name != "tier"),
    sa.column("superseded_ms"),
)
_AFTER: sa.BindParameter[int] = sa.bindparam("after", type_=sa.BigInteger)
_LIMIT: sa.BindParameter[int] = sa.bindparam("limit", type_=sa.BigInteger)


class Index:
    """Pages and finds runs. Every call raises ``Transient`` when the index does not answer."""

    def __init__(self, url: str) -> None:
        parsed = sa.make_url(url)
        options: dict[str, Any] = {}
        if parsed.get_backend_name() == "sqlite":
            if parsed.database:
                # SQLite would create a file that is not there, under our name and rights.
                path = quote(parsed.database)
                parsed = parsed.set(database=f"file:{path}", query={"mode": "ro", "uri": "true"})
        else:
            reading = f"-c default_transaction_read_only=on -c statement_timeout={_PATIENCE_MS}"
            # A server may have been restarted since a connection was last used.
            options = {"connect_args": {"options": reading}, "pool_pre_ping": True}
        self._engine = sa.create_engine(parsed, **options)

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def page(self, people: Sequence[str], after: int, limit: int) -> Slice:
        """Return up to ``limit`` runs after a cursor: those people's, and notices."""
        wanted = {_NOBODY, *people}
        if len(wanted) <= _FEW:
            with self._read() as db:
                query = merged(sorted(wanted), db.dialect.name)
                found = db.execute(query, {"after": after, "limit": limit})
                runs = tuple(_run(row) for row in found)
            return Slice(runs=runs, after=runs[-1].seen if runs else after, more=len(runs) == limit)
        return self._passing(wanted, after, limit)

    def find(self, runs: Sequence[str]) -> dict[str, Run]:
        """Return the runs of those names, superseded or not, as far as there are any."""
        found: dict[str, Run] = {}
        with self._read() as db:
            for start in range(0, len(runs), _MANY):
                some = _RUNS.c.run.in_(list(runs[start : start + _MANY]))
                for row in db.execute(_placed(_RUNS, some)):
                    found[row.run] = _run(row)
        return found

    def samples(self, tier: str, least_bytes: int) -> list[str]:
        """Return the names of up to two objects of a tier that are no smaller than that."""
        query = (
            sa.select(_OBJECTS.c.object)
            .where(_OBJECTS.c.tier == tier, _OBJECTS.c.bytes >= least_bytes)
            .limit(2)
        )
        with self._read() as db:
            return [str(name) for name in db.execute(query).scalars()]

    def _passing(self, wanted: set[str], after: int, limit: int) -> Slice:
        window = max(_WINDOW, limit)
        runs: list[Run] = []
        looked = 0
        with self._read() as db:
            for row in db.execute(passing(), {"after": after, "limit": window}):
                looked, after = looked + 1, row.seen
                if row.person in wanted:
                    runs.append(_run(row))
                    if len(runs) == limit:
                        break
        is_cut = len(runs) == limit or looked == window
        return Slice(runs=tuple(runs), after=after, more=is_cut)

    @contextmanager
    def _read(self) -> Iterator[sa.Connection]:
        try:
            with self._engine.connect() as db:
                yield db
        except SQLAlchemyError as exc:
            raise Transient("the index does not answer", reason="index") from exc


def merged(people: Sequence[str], dialect: str) -> sa.Select[Any]:
    """Return the page of a few people: a search for each, merged in order as far as is needed.

    SQLite merges arms by itself and would sort those that have an order of their own; PostgreSQL
    merges those alone, and would sort the others.
    """
    arms = [
        sa.select(_RUNS).where(
            _RUNS.c.person == person, _RUNS.c.seen > _AFTER, _RUNS.c.superseded_ms == 0
        )
        for person in people
    ]
    if dialect != "sqlite":
        arms = [arm.order_by(_RUNS.c.seen).limit(_LIMIT) for arm in arms]
    every = sa.union_all(*arms)
    first = every.order_by(every.selected_columns.seen).limit(_LIMIT).subquery("r")
    return _placed(first).order_by(first.c.seen)


def passing() -> sa.Select[Any]:
    """Return the page of many people: everybody's next runs."""
    first = (
        sa.select(_RUNS)
        .where(_RUNS.c.seen > _AFTER, _RUNS.c.superseded_ms == 0)
        .order_by(_RUNS.c.seen)
        .limit(_LIMIT)
        .subquery("r")
    )
    return _placed(first).order_by(first.c.seen)


def _placed(runs: sa.FromClause, *where: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """Return those runs, each with the tier that its object stands in."""
    shown = [runs.c[field.name] for field in fields(Run) if field.name != "tier"]
    joined = runs.join(_OBJECTS, _OBJECTS.c.object == runs.c.object)
    return sa.select(*shown, _OBJECTS.c.tier).select_from(joined).where(*where)


def _run(row: sa.Row[Any]) -> Run:
    return Run(**row._mapping)
