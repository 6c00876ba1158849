"""A record in hand when its partitions are revoked: its next owner takes it."""

import asyncio

from overt_processors.core.registry import Registries
from overt_schemas import codec
from tests.processors.test_refine_machine import Cluster, Worker
from tests.processors.world import START_MS, World, input_batch


def test_who_lost_a_partition_while_asking_opens_nothing_of_it_any_more() -> None:
    loop, world = asyncio.new_event_loop(), World()
    cluster = Cluster(world=world, news=world.news())
    cluster.epochs[world.scripted.processor_key] = world.scripted.processor
    record = world.seal(input_batch(START_MS)).record
    cluster.raw[0] = [(world.scripted.device, codec.encode(record))]
    worker = Worker(cluster, loop, {0})
    known = worker.reader.current
    worker.reader.current = Registries(keyring=known.keyring)  # who sealed is not known yet
    worker.reader.at = len(cluster.news)
    worker.handle(0)
    loop.run_until_complete(asyncio.sleep(0))
    assert worker.reader.waiting

    worker.refiner.revoke([0])
    worker.reader.current = known
    worker.reader.answer()
    assert worker.task is not None
    loop.run_until_complete(worker.task)
    loop.close()

    memory = worker.refiner.memory
    assert (worker.pending, len(memory.periods), len(memory.segments)) == ([], 0, 0)
    assert worker.acked == {0: 0}
