"""Objects as a sink makes them, and whether the index holds their runs."""

from overt_sinks.container import Object, build
from overt_sinks.index import Index, run_row
from overt_sinks.naming import Partition
from tests.sinks.made import WHERE, Segments, taken


def stored(first: int, last: int, where: Partition = WHERE, person: str = "") -> Object:
    """Return an object of that range, all one person's."""
    device = Segments(person=person) if person else Segments()
    records = [taken(n, device.part(size=20)) for n in range(first, last + 1)]
    return build(where, first, last, records)[0]


def has_runs(index: Index, of: Object) -> bool:
    """Whether the index holds exactly the runs of an object, whatever their ``seen`` is."""
    found = [{**row, "seen": 0} for row in index.runs(of.name)]
    return found == [dict(run_row(of.name, run, 0)) for run in of.runs]
