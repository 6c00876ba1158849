"""Where the time of refine's step goes, stage by stage, and below what it cannot fall.

Stages are timed by wrapping the step's own functions; a stage is charged what its inner stages are
not, less what the wrapping itself takes. Pure: no Kafka here.
"""

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from overt_processors.agents import refine as agent
from overt_processors.core import activity, admission, opening, refine, sealing
from overt_processors.core.opening import Keys
from overt_processors.core.outcome import Now, Raw
from overt_processors.core.registry import News, Registries, learn
from overt_schemas import codec
from overt_schemas.envelope import batch as envelope
from overt_schemas.envelope import padding
from overt_schemas.records import SealedBatch
from overt_schemas.signing import Keyring, SigningKey
from overt_schemas.topics import INPUT
from tests.bench.streams_load import Fleet, Sealed
from tests.processors.world import START_MS

# Name of the stage, and the functions that are it.
STAGES: tuple[tuple[str, tuple[tuple[Any, str], ...]], ...] = (
    ("decode envelope", ((opening, "decode"),)),
    ("clear header", ((opening, "read_header"), (opening, "check_period"))),
    ("period", ((opening.Periods, "open"),)),
    ("registry", ((admission, "device_of"), (admission, "person_of"), (admission, "admit"))),
    ("open: tag, padding, inflate", ((opening, "open_batch"),)),
    ("decode batch", ((codec, "unpack"),)),
    ("activity rule", ((activity, "read"),)),
    ("thin", ((refine, "_thinned"),)),
    ("hash of the batch", ((envelope, "hash_of"),)),
    ("segment", ((sealing.Segments, "get"),)),
    ("seal: headers, AES, COSE", ((sealing, "seal_part"),)),
    ("sign", ((SigningKey, "sign"),)),
    ("encode part", ((codec, "encode"),)),
)
_NOW = Now(wall_ms=START_MS + 60_000, boot_ns=1_000_000_000)
Step = Callable[[], None]


def step_over(fleet: Fleet, rows: Sealed) -> Step:
    """Return one pass of the step over all rows, with caches that stay warm."""
    world = fleet.world
    news = [News(signed=row[2], append_ms=START_MS) for row in fleet.published]
    learnt = learn(Registries(keyring=Keyring(root=world.root.public_bytes())), news)
    epochs = {world.scripted.processor_key: world.scripted.processor}
    keys, memory = Keys(epochs=epochs, signer=world.signer), refine.Memory()
    raws = [
        Raw(topic=INPUT, partition=0, offset=at, key=key, value=value)
        for at, (key, value) in enumerate(rows)
    ]

    def run() -> None:
        for raw in raws:
            agent._report(
                refine.step(memory, learnt.registries, keys, raw, _NOW, settled=True), raw
            )

    return run


def us_each(run: Step, count: int) -> float:
    """Return CPU microseconds a record."""
    began = time.process_time_ns()
    run()
    return (time.process_time_ns() - began) / 1000 / count


def shares(run: Step, count: int) -> dict[str, float]:
    """Return microseconds a record of each stage; the rest of the step is ``step itself``."""
    run()
    whole = us_each(run, count)
    spent: Counter[str] = Counter()
    calls: Counter[str] = Counter()
    with _marked(spent, calls):
        run()
    # What a mark costs is spread over the stages by how often each was entered.
    marks = max(0.0, sum(spent.values()) / 1000 / count - whole)
    out = {
        name: max(0.0, spent[name] / 1000 / count - marks * calls[name] / sum(calls.values()))
        for name in spent
    }
    out["step itself"] = max(0.0, whole - sum(out.values()))
    return out


@contextmanager
def _marked(spent: "Counter[str]", calls: "Counter[str]") -> Iterator[None]:
    inner: list[int] = [0]

    def mark(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any, **more: Any) -> Any:
            inner.append(0)
            began = time.thread_time_ns()
            try:
                return function(*args, **more)
            finally:
                took = time.thread_time_ns() - began
                spent[name] += took - inner.pop()
                calls[name] += 1
                inner[-1] += took

        return timed

    before = [(where, what, getattr(where, what)) for _, all_ in STAGES for where, what in all_]
    for name, places in STAGES:
        for where, what in places:
            setattr(where, what, mark(name, getattr(where, what)))
    try:
        yield
    finally:
        for where, what, function in before:
            setattr(where, what, function)


def floor(rows: Sealed, times: int = 2000) -> dict[str, float]:
    """Return microseconds that no code of ours could save: what C does for one record."""
    value = rows[0][1]
    record = codec.decode(value, SealedBatch)
    key, signer = AESGCM(bytes(32)), SigningKey.generate("floor")
    sealed = key.encrypt(record.iv, record.ciphertext[:-16], record.header)
    digest = hashlib.sha256(value).digest()
    body = padding.pack(bytes(range(256)) * 8)
    work: dict[str, Callable[[], object]] = {
        "aes_open_seal": lambda: key.encrypt(
            record.iv, key.decrypt(record.iv, sealed, record.header), record.header
        ),
        "sign": lambda: signer._key.sign(digest),
        "sha256": lambda: hashlib.sha256(value).digest(),
        "inflate": lambda: padding.unpack(body),
        "memcpy": lambda: bytearray(value),
    }
    return {name: _repeated(call, times) for name, call in work.items()}


def _repeated(call: Callable[[], object], times: int) -> float:
    return us_each(lambda: _repeat(call, times), times)


def _repeat(call: Callable[[], object], times: int) -> None:
    for _ in range(times):
        call()
