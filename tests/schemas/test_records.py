"""`records/` says what `avsc/` says."""

from dataclasses import fields, is_dataclass
from types import GenericAlias
from typing import Any, get_type_hints

import pytest

from overt_schemas import records
from overt_schemas.catalogue import schema
from tests.schemas.strategies import NAMES

PYTHON = {"boolean": bool, "int": int, "long": int, "string": str, "bytes": bytes}


def _nodes(node: dict[str, Any]) -> list[dict[str, Any]]:
    """A record's schema and those of all records inside."""
    inner = [f["type"]["items"] for f in node["fields"] if isinstance(f["type"], dict)]
    return [node] + [n for items in inner if isinstance(items, dict) for n in _nodes(items)]


ALL = {node["name"]: node for name in NAMES for node in _nodes(schema(name).json)}


def _hint(kind: Any) -> Any:
    if isinstance(kind, str):
        return PYTHON[kind]
    items = kind["items"]
    inner = PYTHON[items] if isinstance(items, str) else getattr(records, items["name"])
    return GenericAlias(tuple, (inner, ...))


@pytest.mark.parametrize("name", sorted(ALL))
def test_a_record_has_the_names_order_and_types_of_its_schema(name: str) -> None:
    record = getattr(records, name)

    hints = get_type_hints(record)

    assert [f.name for f in fields(record)] == [f["name"] for f in ALL[name]["fields"]]
    assert hints == {f["name"]: _hint(f["type"]) for f in ALL[name]["fields"]}


@pytest.mark.parametrize("name", sorted(ALL))
def test_a_record_is_frozen_and_slotted(name: str) -> None:
    record = getattr(records, name)

    assert is_dataclass(record)
    assert vars(record)["__dataclass_params__"].frozen
    assert "__slots__" in vars(record)


def test_no_record_stands_without_a_schema() -> None:
    assert sorted(records.__all__) == sorted(ALL)
