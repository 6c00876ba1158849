"""Which brokers the tests get. What was wished for is read once; the engine is asked once."""

import functools
import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from overt_ops.devstack.cluster import SIZES
from overt_ops.devstack.kafka import Maker
from overt_schemas.errors import Permanent

IMAGE = "apache/kafka:4.4.0"  # the version of the embedded jars, from the project itself
# In `auto` a first run must not hang on a slow network; who asked for containers waits for them.
_SOON_S, _PATIENT_S = 20.0, 600.0


class Kind(Enum):
    """The values of ``OVERT_TEST_KAFKA``."""

    EMBEDDED = "embedded"
    CONTAINERS = "testcontainers"
    AUTO = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the variables say."""

    kind: Kind
    brokers: int
    image: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What the tests get; ``line`` says it in the summary, with the reason where there is one."""

    maker: Maker | None
    brokers: int
    line: str


def wish(environ: Mapping[str, str]) -> Wish:
    """Return what the variables say.

    Raises:
        Permanent: a variable says something that there is not.
    """
    kind = environ.get("OVERT_TEST_KAFKA", Kind.AUTO.value)
    brokers = environ.get("OVERT_TEST_BROKERS", "1")
    kinds, sizes = [known.value for known in Kind], [str(size) for size in SIZES]
    for name, value, known in (
        ("OVERT_TEST_KAFKA", kind, kinds),
        ("OVERT_TEST_BROKERS", brokers, sizes),
    ):
        if value not in known:
            raise Permanent(f"{name}={value}: it is one of {', '.join(known)}", reason="usage")
    image = environ.get("OVERT_TEST_KAFKA_IMAGE", IMAGE)
    return Wish(kind=Kind(kind), brokers=int(brokers), image=image)


def choose(wanted: Wish) -> Choice:
    """Return what can be had.

    Raises:
        Permanent: containers were asked for by name, and there is no engine or no image.
    """
    if wanted.kind is Kind.EMBEDDED:
        return _embedded(wanted, "")
    from tests.stack.brokers.containers import Contained
    from tests.stack.brokers.engine import image_within

    patience_s = _SOON_S if wanted.kind is Kind.AUTO else _PATIENT_S
    lacking = image_within(wanted.image, patience_s)
    if lacking and wanted.kind is Kind.CONTAINERS:
        raise Permanent(f"OVERT_TEST_KAFKA=testcontainers, but {lacking}", reason="docker")
    if lacking:
        return _embedded(wanted, f" ({lacking})")
    line = f"Kafka: {_count(wanted)} in containers of {wanted.image}"
    return Choice(maker=Contained(image=wanted.image), brokers=wanted.brokers, line=line)


def _embedded(wanted: Wish, why: str) -> Choice:
    return Choice(maker=None, brokers=wanted.brokers, line=f"Kafka: {_count(wanted)} embedded{why}")


def _count(wanted: Wish) -> str:
    return "1 broker" if wanted.brokers == 1 else f"{wanted.brokers} brokers"


@functools.cache
def chosen() -> Choice:
    """Return this run's choice."""
    return choose(wish(os.environ))


_SAID: list[str] = []


def say(line: str) -> None:
    """Keep a figure that a test has measured for the run's summary."""
    _SAID.append(line)


def lines() -> list[str]:
    """Return what the summary says about the brokers: nothing, if no test has asked for any."""
    return [chosen().line, *_SAID] if chosen.cache_info().currsize else []
