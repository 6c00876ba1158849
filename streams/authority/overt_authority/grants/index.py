"""The index of stored parts, read-only.

The sink writes it; here every connection is opened so that it cannot write, whatever a query says.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from overt_schemas.errors import Transient

NOTICE = "notice"
_MANY = 500  # people named in one query; with more the rows are read through
_COLUMNS = (
    "r.run, r.object, r.byte_from, r.byte_len, r.records, r.kind, r.person, r.device, r.boot, "
    "r.activity, r.stream, r.segment, r.first_batch, r.last_batch, r.seen, o.tier"
)
_FROM = f"SELECT {_COLUMNS} FROM runs r JOIN objects o ON o.object = r.object"  # noqa: S608


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


class Index:
    """Pages and finds runs."""

    def __init__(self, url: str) -> None:
        parsed = sa.make_url(url)
        if parsed.get_backend_name() == "sqlite" and parsed.database:
            # SQLite would create a file that is not there, under our name and rights.
            parsed = parsed.set(
                database=f"file:{parsed.database}", query={"mode": "ro", "uri": "true"}
            )
        self._engine = sa.create_engine(parsed)

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def page(self, people: Sequence[str], after: int, limit: int) -> list[Run]:
        """Return up to ``limit`` runs after a cursor: those people's, and notices.

        Of a large cohort's page the caller drops what is not asked for.
        """
        where, values = "r.seen > :after", {"after": after, "limit": limit}
        binds: list[sa.BindParameter[list[str]]] = []
        if len(people) <= _MANY:
            where += " AND (r.person IN :people OR r.kind = :notice)"
            binds = [sa.bindparam("people", list(people), expanding=True)]
            values["notice"] = NOTICE  # type: ignore[assignment]
        query = sa.text(f"{_FROM} WHERE {where} ORDER BY r.seen LIMIT :limit")
        with self._read() as db:
            return [_run(row) for row in db.execute(query.bindparams(*binds), values)]

    def find(self, runs: Sequence[str]) -> dict[str, Run]:
        """Return the runs of those names, as far as there are any."""
        query = sa.text(f"{_FROM} WHERE r.run IN :runs")
        found: dict[str, Run] = {}
        with self._read() as db:
            for start in range(0, len(runs), _MANY):
                some: sa.BindParameter[list[str]] = sa.bindparam(
                    "runs", list(runs[start : start + _MANY]), expanding=True
                )
                for row in db.execute(query.bindparams(some)):
                    found[row.run] = _run(row)
        return found

    @contextmanager
    def _read(self) -> Iterator[sa.Connection]:
        try:
            with self._engine.connect() as db:
                yield db
        except SQLAlchemyError as exc:
            raise Transient("the index does not answer", reason="index") from exc


def _run(row: sa.Row[tuple[object, ...]]) -> Run:
    return Run(**row._mapping)
