"""Keys are believed only if the root's key set names them."""

import base64
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from overt_processors.keys import accept, obtain
from overt_processors.settings import Authority
from overt_schemas import hpke
from overt_schemas.errors import Permanent, Transient
from overt_schemas.signing import Keyring, SigningKey
from tests.processors.twin import answer
from tests.processors.world import START_MS, World

NOBODY = Authority(
    url="https://127.0.0.1:1", ca=Path("-"), cert=Path("-"), key=Path("-"), root_key=Path("-")
)


def ring(world: World) -> Keyring:
    return world.registries().keyring


def test_keys_that_the_key_set_names_are_taken() -> None:
    world = World()

    keys = accept(answer(world), ring(world), START_MS)

    assert set(keys.epochs) == {world.scripted.processor_key}
    assert keys.signer.public_bytes() == world.signer.public_bytes()


def test_a_signing_key_that_no_reader_would_trust_is_not_used() -> None:
    world = World()
    world.signer = SigningKey.generate("sign-1")
    stranger = World()

    with pytest.raises(Transient):
        accept({**answer(world), "signing": answer(stranger)["signing"]}, ring(world), START_MS)


def test_a_signing_key_of_another_name_is_not_used() -> None:
    world = World()
    given = answer(world)
    given["signing"]["key_id"] = "sign-9"

    with pytest.raises(Transient):
        accept(given, ring(world), START_MS)


def test_an_epoch_key_under_anothers_name_is_left_out() -> None:
    world = World()
    given = answer(world)
    other = base64.b64encode(hpke.PrivateKey.generate().to_bytes()).decode()
    given["epochs"] += [{**given["epochs"][0], "key_id": "authority-1"}]
    false = {"epochs": [{**given["epochs"][0], "private": other}], "signing": given["signing"]}

    assert set(accept(given, ring(world), START_MS).epochs) == {world.scripted.processor_key}
    with pytest.raises(Transient):
        accept(false, ring(world), START_MS)


@pytest.mark.parametrize(
    "change",
    [
        {"signing": {}}, {"signing": None}, {"epochs": None}, {"epochs": [{"key_id": "x"}]},
        {"epochs": [{"key_id": "x", "private": "??"}]},
    ],
)  # fmt: skip
def test_an_answer_to_another_question_is_refused(change: dict[str, Any]) -> None:
    world = World()

    with pytest.raises(Permanent):
        accept({**answer(world), **change}, ring(world), START_MS)


def test_the_authority_is_asked_until_it_answers_with_growing_waits() -> None:
    world, waits = World(), list[float]()
    down = Transient("down")
    asked: Iterator[Transient | dict[str, Any]] = iter([down, down, answer(world)])

    def ask(_authority: Authority) -> Mapping[str, Any]:
        value = next(asked)
        if isinstance(value, Transient):
            raise value
        return value

    keys = obtain(NOBODY, lambda: ring(world), lambda: START_MS, waits.append, ask)

    assert keys.signer.key_id == "sign-1"
    assert len(waits) == 2


def test_a_refusal_is_not_asked_again() -> None:
    world = World()

    def ask(_authority: Authority) -> Mapping[str, Any]:
        raise Permanent("no", reason="not_authorised")

    with pytest.raises(Permanent):
        obtain(NOBODY, lambda: ring(world), lambda: START_MS, lambda _s: None, ask)
