"""What a worker does where something is not as it should be: it waits, sets aside, or says so."""

import contextlib
import os
import signal
from collections.abc import Iterator
from dataclasses import replace

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource

from overt_processors.supervisor import worker_command
from overt_schemas import codec
from overt_schemas.envelope.marks import NoticeMark, verify_mark
from overt_schemas.errors import EXIT_NOT_AUTHORISED, EXIT_PARTIAL, EXIT_USAGE
from overt_schemas.ids import Stream, new_id
from overt_schemas.records import DeadLetter, Marker, Part
from overt_schemas.testing import ScriptedDevice
from overt_schemas.topics import DEADLETTER, FRAME, INPUT, PART
from tests.processors.feed import Account, account
from tests.processors.stand import Stand, Worker, stand, until
from tests.processors.world import START_MS, frame_batch, input_batch

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with stand(tmp_path_factory.mktemp("edges")) as ready:
        ready.publish_registries()
        yield ready


@pytest.fixture(autouse=True)
def tidy(site: Stand) -> Iterator[None]:
    yield
    site.close()
    site.twin.status = 200


def ready(worker: Worker) -> Worker:
    until(lambda: worker.is_ready, 60, f"ready ({worker.log})")
    return worker


def publish(site: Stand, device: ScriptedDevice, count: int = 1, topic: str = INPUT) -> None:
    producer, period = site.producer(), device.period(0, START_MS * 1000)
    for _ in range(count):
        record = input_batch(START_MS) if topic == INPUT else frame_batch(START_MS, 0)
        stream = Stream.INPUT if topic == INPUT else Stream.FRAME
        sealed = device.seal(period, record, stream=stream)
        producer.produce(topic, codec.encode(sealed.record), device.device)
    assert producer.flush(20) == 0


def drained(site: Stand, stream: Stream = Stream.INPUT) -> None:
    until(lambda: site.is_drained(stream), 60, "drained")


def parts_of(site: Stand, device: ScriptedDevice) -> int:
    return sum(1 for row in site.read() if row.key() == device.device)


def test_whoever_is_enrolled_after_the_start_is_not_unknown(site: Stand) -> None:
    worker = ready(site.start())
    device = site.enrol()

    publish(site, device, 3)
    drained(site)

    assert worker.process.poll() is None
    assert account(site.read(), [device]) == Account(lost=0, repeats=0, out_of_order=0)


def test_what_nobody_knows_is_set_aside_byte_for_byte_and_holds_up_nobody(site: Stand) -> None:
    ready(site.start())
    known = site.enrol()
    stranger = ScriptedDevice(device=new_id(), processor=site.world.scripted.processor)
    before = site.ends(DEADLETTER)

    publish(site, stranger, 40)
    publish(site, known, 3)
    site.send(INPUT, known.device, b"junk")
    site.send(INPUT, None, None)
    drained(site)

    letters = [codec.decode(row.value(), DeadLetter) for row in site.read(DEADLETTER, before)]
    reasons = sorted(letter.reason for letter in letters)
    assert reasons == ["empty", "malformed", *["unknown_device"] * 40]
    junk = next(letter for letter in letters if letter.reason == "malformed")
    assert (junk.topic, junk.key, junk.value) == (INPUT, known.device, b"junk")
    assert parts_of(site, known) == 3


def test_while_the_authority_is_down_nothing_is_processed_and_afterwards_everything(
    site: Stand,
) -> None:
    device = site.enrol()
    site.twin.status = 503
    worker = site.start()
    publish(site, device, 2)
    until(lambda: worker.lines("keys_awaited"), 60, "asked in vain")
    waiting = parts_of(site, device)

    site.twin.status = 200
    drained(site)

    assert waiting == 0
    assert parts_of(site, device) == 2


def test_a_certificate_without_the_right_to_keys_ends_with_4(site: Stand) -> None:
    site.twin.status = 403

    worker = site.start()

    assert worker.process.wait(60) == EXIT_NOT_AUTHORISED
    assert "must be a service called refine" in worker.log.read_text()


def test_a_new_epoch_is_fetched_when_the_key_set_names_it(site: Stand) -> None:
    ready(site.start())
    asked = site.twin.asked
    device = site.enrol()
    publish(site, device)
    drained(site)
    before = site.twin.asked

    site.new_epoch()
    device.processor, device.processor_key = site.world.scripted.processor, "seal-2"
    publish(site, device)
    drained(site)

    assert before == asked
    assert site.twin.asked == asked + 1
    assert parts_of(site, device) == 2


def test_a_part_that_the_brokers_refuse_is_never_committed_over(site: Stand) -> None:
    device = site.enrol()
    worker = ready(site.start())
    committed = site.committed()
    set_limit(site, "200")
    try:
        publish(site, device)
        ended = until(lambda: worker.lines("worker_ended"), 60, "ended")
        stuck = site.committed()
    finally:
        set_limit(site, None)
    drained(site)

    assert ended[0]["code"] == 70
    assert worker.lines("exiting")[0]["cause"] == "produce_failed"
    assert stuck == committed
    assert account(site.read(), [device]) == Account(lost=0, repeats=0, out_of_order=0)


def set_limit(site: Stand, value: str | None) -> None:
    operation = AlterConfigOpType.SET if value else AlterConfigOpType.DELETE
    entry = ConfigEntry("max.message.bytes", value or "", incremental_operation=operation)
    resource = ConfigResource(ConfigResource.Type.TOPIC, PART, incremental_configs=[entry])
    for future in site.admin.incremental_alter_configs([resource]).values():
        future.result(20)


def test_a_frame_of_the_largest_size_goes_through(site: Stand) -> None:
    device = site.enrol()
    worker = ready(site.start(Stream.FRAME))
    batch = frame_batch(START_MS, 0)
    large = replace(batch, frames=(replace(batch.frames[0], data=os.urandom(900_000)),))
    sealed = device.seal(device.period(0, START_MS * 1000), large, stream=Stream.FRAME)

    site.send(FRAME, device.device, codec.encode(sealed.record))
    drained(site, Stream.FRAME)

    assert worker.lines("worker_ended") == []
    assert parts_of(site, device) == 1


def test_a_group_without_offsets_is_not_started_and_says_what_to_do(site: Stand) -> None:
    site.admin.delete_consumer_groups(["refine-frame"])["refine-frame"].result(20)

    worker = site.start(Stream.FRAME, name="undecided")
    code = worker.process.wait(60)
    line = worker.log.read_text().splitlines()[-1]
    command = line.split("`")[1].split()
    decided = site.run(command)

    assert code == EXIT_PARTIAL
    assert decided.returncode == 0, decided.stderr
    ready(site.start(Stream.FRAME, name="undecided"))


def expire(site: Stand, before: dict[int, int]) -> dict[int, int]:
    """Let the first three unread records of each partition that has five expire."""
    cut = {p: before[p] + 3 for p, end in site.ends(INPUT).items() if end >= before[p] + 5}
    asked = [TopicPartition(INPUT, p, offset) for p, offset in cut.items()]
    for future in site.admin.delete_records(asked).values():
        future.result(20)
    assert cut
    return cut


def holes(site: Stand, tail: dict[int, int]) -> tuple[list[tuple[int, int, int]], int]:
    """Return what the notices behind ``tail`` say, and how many parts stand there."""
    rows = [codec.decode(row.value(), Marker, Part) for row in site.read(PART, tail)]
    public = site.world.signer.public_bytes()
    notices = [verify_mark(row, public) for row in rows if isinstance(row, Marker)]
    told = []
    for notice in notices:
        assert isinstance(notice, NoticeMark)
        assert notice.topic == INPUT
        told.append((notice.partition, notice.from_offset, notice.to_offset))
    return sorted(told), len(rows) - len(notices)


def test_records_that_expired_unread_leave_a_signed_notice_and_the_rest_is_read(
    site: Stand,
) -> None:
    devices = [site.enrol() for _ in range(4)]
    for device in devices:
        publish(site, device, 5)
    before, tail = site.committed(), site.ends(PART)
    cut = expire(site, before)

    ready(site.start())
    drained(site)

    told, parts = holes(site, tail)
    assert told == [(p, before[p], offset) for p, offset in sorted(cut.items())]
    assert parts == 20 - 3 * len(cut)


@pytest.mark.long
def test_records_that_expire_under_a_worker_that_hangs_leave_one_notice_too(site: Stand) -> None:
    worker = ready(site.start())
    devices = [site.enrol() for _ in range(4)]
    os.kill(worker.child(), signal.SIGSTOP)
    before, tail, child = site.committed(), site.ends(PART), worker.child()
    for device in devices:
        publish(site, device, 5)
    cut = expire(site, before)
    os.kill(child, signal.SIGCONT)
    drained(site)

    told, parts = holes(site, tail)
    assert worker.lines("worker_ended")[0]["code"] == 70
    assert told == [(p, before[p], offset) for p, offset in sorted(cut.items())]
    assert parts == 20 - 3 * len(cut)


def test_broken_settings_end_with_2_in_one_line(site: Stand) -> None:
    worker = site.start(name="broken", colour="red")

    assert worker.process.wait(60) == EXIT_USAGE
    assert worker.log.read_text().splitlines()[-1].endswith("Extra inputs are not permitted")


def test_a_worker_without_its_supervisor_does_not_live(site: Stand) -> None:
    worker = ready(site.start())
    command = worker_command("refine-input", worker.state / "settings.toml", "x")
    assert str(worker.state / "settings.toml") in command
    child = worker.child()

    worker.process.send_signal(signal.SIGKILL)
    worker.process.wait(10)

    until(lambda: not os.path.exists(f"/proc/{child}"), 10, "gone")  # noqa: PTH110


def test_a_worker_that_falls_while_the_broker_is_away_rises_with_it(site: Stand) -> None:
    """An admin client from before refuses its own offsets for ever: the leader's epoch is newer."""
    worker, broker = ready(site.start()), site.running.brokers[0]
    site.running.kill(broker)
    with contextlib.suppress(ProcessLookupError):  # without its broker it may fall by itself
        os.kill(worker.child(), signal.SIGKILL)
    until(lambda: worker.lines("preflight_delayed"), 60, "the broker is missed")
    started = len(worker.lines("worker_started"))

    site.running.start([broker])

    until(lambda: len(worker.lines("worker_started")) > started, 60, "started again")
    ready(worker)
