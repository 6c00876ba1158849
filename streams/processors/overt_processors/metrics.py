"""What a worker shows to Prometheus: counts by bounded labels, and how its partitions stand.

Nothing is counted twice and nothing costs the hot path more than a dictionary: the numbers are
those of ``telemetry``, turned into families when somebody scrapes. A label is one of the words
below, or ``other``: never a device, a person, a session, a grant or a key. Partitions are shown
while they are this worker's own.

The server listens where ``[metrics] listen`` says (port 0: any free one) and writes the address it
got to ``<state_dir>/metrics``.
"""

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from overt_processors import telemetry
from overt_processors.core import activity
from overt_processors.progress import Standing, step
from overt_schemas.columns import THINNED
from overt_schemas.envelope.marks import BOOT_END, TOMBSTONE, WITHHELD_REASONS
from overt_schemas.errors import Permanent

OTHER = "other"
# What refine sets aside or drops, the lists of core/opening, core/admission and the contract.
REASONS = WITHHELD_REASONS | {
    "empty", "size", "malformed", "schema_not_allowed", "unknown_schema", "header", "stream",
    "key", "period", "signature", "wrap", "tag", "padding", "bomb", "inflate", "columns", "time",
    "raster", "bounds", "tombstone", "segment", "mark", "cose",
    "unknown_device", "unknown_person", "unknown_consent", "unknown_policy", "unknown_beacon",
    "unknown_person_key", "unknown_epoch", "unknown_key", "key_expired",
    "device_revoked", "person_state", "erased",
}  # fmt: skip
# What becomes of a record, over all apps.
KINDS = frozenset({
    "part", "marker", "dead_letter", "dropped", "session", "session_batch", "fed", "passed",
    "feed_cut_off",
})  # fmt: skip
# What a kind says beside itself, where that is no reason.
_CUT_OFF = frozenset({"late", "full", "denied", "missing", "refused"})
WORDS = {
    "passed": _CUT_OFF | {"nobody", "cut_off", "size"}, "feed_cut_off": _CUT_OFF,
    "marker": frozenset({TOMBSTONE, BOOT_END}),
    "session": frozenset({"open", "complete", "cut", "silent"}),
    "session_batch": frozenset({
        "counted", "repeated", "unplaced", "runs_overflow", "boot_ended", "raw_expired",
    }),
}  # fmt: skip
FLAGS = frozenset({
    activity.EVENT_ORDER, activity.SEQ_ORDER, activity.BOUNDS, activity.FRAME_ORDER,
    activity.FRAME_COUNTS, activity.GAP, activity.ENDED,
})  # fmt: skip
TROUBLES = frozenset({"library", "registry_refused", "registries_lag", "feed_cut_off"})
_WAYS = ("in", "out")


@dataclass(slots=True, kw_only=True)
class Board:
    """What is shown beside the counts. The event loop's thread writes, a scrape reads.

    ``partitions`` is replaced as a whole, never changed in place.
    """

    app: str
    in_flight: Callable[[], int] = lambda: 0
    partitions: Mapping[int, Standing] = field(default_factory=dict)

    def look(self, seen: Mapping[int, tuple[int | None, int | None]], now_s: float) -> None:
        """Take (committed, end) of this worker's partitions; those not named are not its own."""
        self.partitions = step(self.partitions, seen, now_s)


class Families(Collector):
    """Turns counts and board into what Prometheus reads."""

    def __init__(
        self, board: Board, now_s: Callable[[], float] = time.time,
        elapsed_s: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._board, self._now_s, self._elapsed_s = board, now_s, elapsed_s

    def collect(self) -> Iterable[Metric]:
        """Return all families as they stand now."""
        # One call into C, so that the loop's thread cannot add a key half-way.
        counts = dict(telemetry.counts)
        yield from _counted(self._board.app, counts)
        yield from _traffic(self._board.app, counts)
        yield self._latency()
        yield from self._standing()

    def _latency(self) -> Metric:
        buckets, total_s = telemetry.latency.cumulative()
        family = HistogramMetricFamily(
            "overt_append_to_done_seconds",
            "From a record's append until all that came of it was acknowledged by the brokers.",
            labels=["app"],
        )
        family.add_metric([self._board.app], buckets, total_s)
        return family

    def _standing(self) -> Iterable[Metric]:
        app = self._board.app
        yield _gauge(
            "overt_in_flight", "Records taken and not yet acknowledged.",
            ["app"], [([app], self._board.in_flight())],
        )  # fmt: skip
        newest_ms = telemetry.newest_registry_ms()
        age_s = [([app], max(0.0, self._now_s() - newest_ms / 1000))] if newest_ms else []
        yield _gauge(
            "overt_registry_age_seconds", "Since the newest registry record read was appended.",
            ["app"], age_s,
        )  # fmt: skip
        rows = sorted(self._board.partitions.items())
        now_s = self._elapsed_s()
        shown: tuple[tuple[str, str, Callable[[Standing], float | None]], ...] = (
            ("overt_committed_offset", "Offset the group has committed.", lambda s: s.committed),
            ("overt_lag", "Records behind the committed offset.", lambda s: s.lag),
            (
                "overt_stalled_seconds",
                "Since when there is lag and the committed offset has not moved; 0 if it moves.",
                lambda s: s.stalled_s(now_s),
            ),
        )
        for name, text, value in shown:
            samples = [([app, str(p)], v) for p, s in rows if (v := value(s)) is not None]
            yield _gauge(name, text, ["app", "partition"], samples)


def _counted(app: str, counts: Mapping[tuple[str, str], int]) -> Iterable[Metric]:
    outcomes: Counter[tuple[str, str]] = Counter()
    flags: Counter[str] = Counter()
    thinned: Counter[str] = Counter()
    troubles: Counter[str] = Counter()
    for (kind, reason), number in counts.items():
        if kind == "flag":
            flags[_one_of(reason, FLAGS)] += number
        elif kind == "thinned":
            thinned[_one_of(reason, THINNED)] += number
        elif kind in TROUBLES:
            troubles[kind] += number
        elif kind not in _WAYS:
            named = reason and _one_of(reason, WORDS.get(kind, REASONS))
            outcomes[_one_of(kind, KINDS), named] += number
    yield _counter(
        "overt_outcomes", "What became of records.", ["app", "kind", "reason"],
        [([app, *names], n) for names, n in sorted(outcomes.items())],
    )  # fmt: skip
    for name, text, label, found in (
        ("overt_flags", "Violations of the activity rule, marked on parts.", "flag", flags),
        ("overt_thinned", "Events and frames left out by policy.", "rule", thinned),
        ("overt_troubles", "What went wrong around the records.", "trouble", troubles),
    ):
        yield _counter(
            name, text, ["app", label], [([app, k], n) for k, n in sorted(found.items())]
        )


def _traffic(app: str, counts: Mapping[tuple[str, str], int]) -> Iterable[Metric]:
    for unit in ("records", "bytes"):
        yield _counter(
            f"overt_{unit}", f"{unit.capitalize()} taken (in) and produced (out).",
            ["app", "way"], [([app, way], counts.get((way, unit), 0)) for way in _WAYS],
        )  # fmt: skip


def _one_of(value: str, words: frozenset[str]) -> str:
    return value if value in words else OTHER


def _counter(
    name: str, text: str, labels: list[str], rows: list[tuple[list[str], int]]
) -> CounterMetricFamily:
    family = CounterMetricFamily(name, text, labels=labels)
    for values, number in rows:
        family.add_metric(values, number)
    return family


def _gauge(
    name: str, text: str, labels: list[str], rows: list[tuple[list[str], float]]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=labels)
    for values, number in rows:
        family.add_metric(values, number)
    return family


@contextlib.contextmanager
def serve(listen: str, told: Path, board: Board) -> Iterator[str]:
    """Serve the metrics while the context lasts; the address stands in ``told`` meanwhile.

    Without ``listen`` nothing is served.

    Raises:
        Permanent: nothing can listen there.
    """
    told.unlink(missing_ok=True)  # of a worker that was killed
    if not listen:
        yield ""
        return
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Families(board))
    host, _, port = listen.rpartition(":")
    try:
        server, _ = start_http_server(int(port), host.strip("[]"), registry)
    except (OSError, OverflowError) as exc:
        raise Permanent(
            f"metrics.listen: nothing can listen on {listen}: name another address, or port 0",
            reason="settings",
        ) from exc
    url = f"http://{host}:{server.server_port}/metrics"
    told.touch(mode=0o600)
    told.write_text(f"{url}\n")
    try:
        yield url
    finally:
        told.unlink(missing_ok=True)
        server.shutdown()
        server.server_close()
