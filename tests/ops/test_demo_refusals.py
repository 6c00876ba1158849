"""A refusal counts if it is for its own reason, and if the rightful one gets what is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from overt_ops.demo import refusals
from overt_ops.demo.admin import Door
from overt_ops.demo.refusals import Stranger, at_key, at_object
from overt_schemas import api
from overt_schemas.errors import OvertError, Permanent, Refused

ALICE = Door(url="https://127.0.0.1:9", ca=Path("ca"), principal=Path("alice"))
MALLORY = Stranger(
    name="mallory", password="p", bootstrap="127.0.0.1:9", ca=Path("ca"),
    door=ALICE.as_principal("mallory"), store_url="http://127.0.0.1:9", bucket="hot",
)  # fmt: skip
SHOWN = (b"header", b"wrap", "pk-1")
Answer = dict[str, Any] | OvertError
KEY: Answer = {"keys": [{"key": "AAAA"}]}


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Callable[[Answer, Answer], None]:
    """Let the authority answer alice and mallory so."""

    def answer(alice: Answer, mallory: Answer) -> None:
        def call(door: Door, _method: str, _path: str, _body: object = None) -> Any:
            found = alice if door == ALICE else mallory
            if isinstance(found, OvertError):
                raise found
            return found

        monkeypatch.setattr(refusals, "call", call)

    return answer


Answers = Callable[[Answer, Answer], None]


def _key() -> str:
    return at_key(MALLORY, ALICE, "g-1", "train", SHOWN)


def test_a_key_that_alice_gets_and_mallory_does_not_is_refused(answers: Answers) -> None:
    answers(KEY, Refused("no", reason=api.NOT_YOURS))

    assert _key() == api.NOT_YOURS


@pytest.mark.parametrize(
    ("alice", "mallory"),
    [
        (KEY, KEY),
        (KEY, {"keys": []}),
        (KEY, Refused("no", reason="field")),
        (KEY, Refused("no", reason=api.WRONG_IDENTITY)),
        ({"keys": []}, Refused("no", reason=api.NOT_YOURS)),
        ({"keys": [{"refused": "unreadable"}]}, Refused("no", reason=api.NOT_YOURS)),
        (Refused("no", reason="field"), Refused("no", reason=api.NOT_YOURS)),
    ],
    ids=[
        "given", "given nothing", "malformed", "another identity", "alice gets nothing",
        "alice is shown rubbish", "alice is refused",
    ],
)  # fmt: skip
def test_no_other_answer_counts_as_a_refused_key(
    answers: Answers, alice: Answer, mallory: Answer
) -> None:
    answers(alice, mallory)

    with pytest.raises(Permanent):
        _key()


@pytest.mark.parametrize("reason", ["field", api.WRONG_IDENTITY, api.NOT_YOURS])
def test_segments_refused_for_another_reason_are_not_refused_for_want_of_a_grant(
    answers: Answers, reason: str
) -> None:
    answers(KEY, Refused("no", reason=reason))

    with pytest.raises(Permanent):
        at_object(MALLORY, "g-1", "topic=x/1.avro")
