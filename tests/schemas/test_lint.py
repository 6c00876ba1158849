"""The schema linter: the set is clean, and each rule refuses what it names."""

import copy
import json
from collections.abc import Callable
from importlib import resources
from typing import Any

import pytest

from overt_schemas import catalogue, lint

Node = dict[str, Any]
FILES: dict[str, Node] = {
    entry.name.removesuffix(".avsc"): json.loads(entry.read_text("utf-8"))
    for entry in (resources.files("overt_schemas") / "avsc").iterdir()
}


def _field(name: str = "number", kind: Any = "long", **more: Any) -> Node:
    return {
        "name": name, "type": kind, "doc": "a number", "purpose": "order",
        "sensitivity": "public", **more,
    }  # fmt: skip


def _record(*fields: Node, name: str = "Thing") -> Node:
    return {
        "type": "record", "name": name, "namespace": "overt.v1", "doc": "A thing.",
        "fields": list(fields or [_field()]),
    }  # fmt: skip


def _array(items: Any) -> Node:
    return {"type": "array", "items": items}


def _nested(depth: int) -> Node:
    node = _record(name=f"Level{depth}")
    for level in range(depth - 1, 0, -1):
        node = _record(_field("inner", _array(node)), name=f"Level{level}")
    return {**node, "name": "Thing"}


def test_the_contract_is_clean() -> None:
    assert lint.lint_set(FILES, catalogue.IDS) == []


def test_a_clean_record_has_no_findings() -> None:
    assert lint.lint("Thing", _record(_field(), _field("tags", _array("bytes")))) == []
    assert lint.lint("Thing", _nested(lint.MAX_DEPTH)) == []


REFUSED: dict[str, tuple[Node, str]] = {
    "no doc": (_record(_field(doc="")), "has no doc"),
    "blank purpose": (_record(_field(purpose="  ")), "has no purpose"),
    "sensitivity outside the list": (_record(_field(sensitivity="secret")), "sensitivity is one"),
    "record without doc": ({**_record(), "doc": ""}, "Thing: has no doc"),
    "default": (_record(_field(default=0)), "default hides"),
    "null default": (_record(_field(default=None)), "default hides"),
    "alias": (_record(_field(aliases=["old"])), "alias hides"),
    "record alias": ({**_record(), "aliases": ["Old"]}, "alias hides"),
    "order": (_record(_field(order="ignore")), "order is refused"),
    "union": (_record(_field(kind=["null", "long"])), "union is refused"),
    "union in array": (_record(_field(kind=_array(["null", "long"]))), "union is refused"),
    "map": (_record(_field(kind={"type": "map", "values": "long"})), "map is refused"),
    "logical type": (
        _record(_field(kind={"type": "long", "logicalType": "timestamp-micros"})),
        "logicalType is refused",
    ),
    "logical items": (
        _record(_field(kind=_array({"type": "int", "logicalType": "date"}))),
        "logicalType is refused",
    ),
    "enum": (_record(_field(kind={"type": "enum", "name": "E", "symbols": ["A"]})), "enum is"),
    "fixed": (_record(_field(kind={"type": "fixed", "name": "F", "size": 16})), "fixed is"),
    "double": (_record(_field(kind="double")), "double is refused"),
    "float": (_record(_field(kind="float")), "float is refused"),
    "null": (_record(_field(kind="null")), "null is refused"),
    "array of null": (_record(_field(kind=_array("null"))), "null takes no bytes"),
    "array of empty record": (
        _record(_field(kind=_array({**_record(name="Empty"), "fields": []}))),
        "takes no bytes",
    ),
    "empty record": ({**_record(), "fields": []}, "takes no bytes"),
    "array of arrays": (_record(_field(kind=_array(_array("long")))), "array where only"),
    "record as a field": (_record(_field(kind=_record(name="Inner"))), "record where only"),
    "recursive by name": (_record(_field(kind=_array("Thing"))), "recursive"),
    "recursive by full name": (_record(_field(kind=_array("overt.v1.Thing"))), "recursive"),
    "recursive by definition": (_record(_field(kind=_array(_record()))), "recursive"),
    "by reference": (_record(_field(kind=_array("Other"))), "Other is refused"),
    "too deep": (_nested(lint.MAX_DEPTH + 1), "nested deeper"),
    "field in camelCase": (_record(_field("startUs")), "snake_case"),
    "field with two underscores": (_record(_field("start__us")), "snake_case"),
    "record in snake_case": (_record(name="thing_one"), "CamelCase"),
    "two fields of a name": (_record(_field(), _field()), "one name each"),
    "other namespace": ({**_record(), "namespace": "acme"}, "namespace is"),
    "array with an attribute": (
        _record(_field(kind={**_array("long"), "default": []})),
        "default hides",
    ),
}


@pytest.mark.parametrize(("node", "sentence"), REFUSED.values(), ids=REFUSED)
def test_each_rule_refuses_what_it_names(node: Node, sentence: str) -> None:
    found = lint.lint(node["name"], node)

    assert any(sentence in line for line in found), found


@pytest.mark.parametrize("node", ["long", [], {"type": "array", "items": "long"}, None], ids=str)
def test_a_file_holds_one_record(node: Any) -> None:
    assert lint.lint("Thing", node) == ["Thing: a file holds one record"]


def _rename(files: dict[str, Node], ids: dict[int, str]) -> None:
    files["Other"] = files.pop("Beacon")
    ids[34] = "Other"


def _two_gaps(files: dict[str, Node], ids: dict[int, str]) -> None:
    gaps = next(f for f in files["InputBatch"]["fields"] if f["name"] == "gaps")
    gaps["type"]["items"]["fields"].pop()


SETS: dict[str, tuple[Callable[[dict[str, Node], dict[int, str]], object], str]] = {
    "a file without an id": (lambda f, i: i.pop(34), "Beacon: no id in the catalogue"),
    "an id without a file": (lambda f, i: f.pop("Beacon"), "Beacon: in the catalogue, but no file"),
    "two ids": (lambda f, i: i.update({99: "Beacon"}), "Beacon: more than one id"),
    "id 0": (lambda f, i: i.update({0: i.pop(34)}), "id 0: not from 1"),
    "a file of another name": (_rename, "Other: a file is named as its record"),
    "two records of one name": (_two_gaps, "Gap differs from its namesake"),
}


@pytest.mark.parametrize(("change", "sentence"), SETS.values(), ids=SETS)
def test_the_set_is_checked_as_a_set(
    change: Callable[[dict[str, Node], dict[int, str]], object], sentence: str
) -> None:
    files, ids = copy.deepcopy(FILES), dict(catalogue.IDS)
    change(files, ids)

    found = lint.lint_set(files, ids)

    assert any(sentence in line for line in found), found


def test_a_follower_only_adds_fields_at_the_end() -> None:
    files = copy.deepcopy(FILES)
    files["Policy.2"]["fields"].reverse()

    found = lint.lint_set(files, catalogue.IDS)

    assert any("keeps all fields" in line for line in found)
