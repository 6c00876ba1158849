"""Which runs a reading takes: a cohort's, page by page after a cursor. SHELL, SQL.

The same question as the authority asks of the index, without its grants: for benches, and for the
sinks' own tests of what readers see.
"""

from collections.abc import Sequence

import sqlalchemy as sa

from overt_sinks.index import tables
from overt_sinks.index.engine import AT_ONCE
from overt_sinks.index.values import RunRow

_RUNS = tables.runs


def segments(db: sa.Connection, people: Sequence[str], since: int, limit: int) -> list[RunRow]:
    """Return up to ``limit`` runs to be read, by ``seen``, that come after the cursor ``since``.

    The cursor of the next page is the last run's ``seen``. Nobody named means everybody.

    Raises:
        ValueError: more people than one statement names.
    """
    if len(people) > AT_ONCE:
        raise ValueError("too many people for one page: ask in parts")
    query = sa.select(_RUNS).where(_RUNS.c.seen > since, _RUNS.c.superseded_ms == 0)
    if people:
        query = query.where(_RUNS.c.person.in_(people))
    found = db.execute(query.order_by(_RUNS.c.seen).limit(limit))
    return [RunRow(**row._mapping) for row in found]
