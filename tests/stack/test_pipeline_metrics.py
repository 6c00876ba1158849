"""What a worker shows, on real brokers: what it did, how its partitions stand, and no name."""

import os
import signal
import urllib.request
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.processors.feed import Feed
from tests.processors.stand import Stand, Worker, stand, until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with stand(tmp_path_factory.mktemp("metrics")) as ready:
        ready.publish_registries()
        yield ready


def scrape(worker: Worker) -> str:
    url = (worker.state / "metrics").read_text().strip()
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 (loopback, ours)
        return str(answer.read().decode())


def value(text: str, name: str, **labels: str) -> float:
    """Return the sum of the samples of that name that carry these labels."""
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


def test_a_worker_shows_what_it_did_and_that_it_stalls_when_it_hangs(site: Stand) -> None:
    devices = [site.enrol() for _ in range(4)]
    worker = site.start()
    until(lambda: worker.is_ready, 60, f"ready ({worker.log})")
    with Feed(site, devices):
        until(lambda: devices[0].batches > 20, 30, "fed")
    until(site.is_drained, 60, "drained")
    until(lambda: value(scrape(worker), "overt_lag") == 0, 30, "lag seen as none")

    text = scrape(worker)
    sent = sum(device.batches for device in devices)
    assert value(text, "overt_outcomes_total", kind="part") >= sent
    assert value(text, "overt_append_to_done_seconds_count") >= sent
    assert value(text, "overt_records_total", way="out") >= sent
    assert value(text, "overt_committed_offset") == sum(site.committed().values())
    assert 0 < value(text, "overt_registry_age_seconds") < 3600
    assert not any(d.device.hex() in text or d.person in text for d in devices)
    told = worker.state / "metrics"
    assert told.stat().st_mode & 0o077 == 0

    os.kill(worker.child(), signal.SIGTERM)
    until(lambda: not told.exists(), 30, "address withdrawn")
