"""No presigned range is offered by a store that would give more than the range."""

import time

import pytest

from overt_authority.grants import proof
from overt_authority.grants.presign import Presigner
from overt_schemas.errors import Transient
from tests.authority.loose_store import ACCESS, SECRET, Loose, serving

NAME = "topic=t/topicid=x_-/part=0/00000000000000000000.avro"
DATA = bytes(range(256)) * 20
EXPECTED = DATA[proof.FIRST : proof.FIRST + proof.SIZE]


def tried(loose: str, status: int = 0, expected: bytes = EXPECTED) -> str | None:
    objects = {f"/hot-1/{NAME}": DATA, f"/hot-1/{NAME}.other": DATA}
    with serving(Loose(objects=objects, loose=loose, status=status)) as store:
        signer = Presigner(store.url, {"hot": "hot-1"}, ACCESS, SECRET)
        now_ms = time.time_ns() // 1_000_000
        return proof.failed_item(signer, "hot", [NAME], expected, now_ms)


def test_a_store_that_refuses_everything_else_passes() -> None:
    assert tried("") is None


@pytest.mark.parametrize(
    "loose",
    [
        "no_range", "two_ranges", "list_of_ranges", "unsigned_range", "other_object",
        "longer_life", "expired", "head",
    ],
)  # fmt: skip
def test_a_store_that_does_not_look_at_one_thing_fails_by_it(loose: str) -> None:
    failed = tried(loose)

    assert failed == loose


def test_a_store_that_ignores_the_range_fails() -> None:
    assert tried("ignores_range") == "exact_range"


def test_a_store_that_gives_other_bytes_fails() -> None:
    assert tried("", expected=b"x" * proof.SIZE) == "exact_range"


@pytest.mark.parametrize("status", [500, 503, 408, 429])
def test_a_store_that_stumbles_has_proved_nothing(status: int) -> None:
    with pytest.raises(Transient):
        tried("", status=status)


@pytest.mark.parametrize("status", [200, 206, 302, 404, 416])
def test_another_answer_than_a_refusal_is_none(status: int) -> None:
    assert tried("", status=status) is not None


def test_an_error_does_not_hold_the_url() -> None:
    signer = Presigner("http://127.0.0.1:1", {"hot": "hot"}, ACCESS, SECRET)

    with pytest.raises(Transient) as caught:
        proof.failed_item(signer, "hot", [NAME], EXPECTED, 0)

    assert "X-Amz" not in repr(caught.value)
    assert caught.value.__cause__ is None
