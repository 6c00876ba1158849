"""Random records of every schema of the contract, made from the schemas themselves."""

from typing import Any

from hypothesis import strategies as st

from overt_schemas import records
from overt_schemas.catalogue import ID_OF, schema

NAMES = sorted(ID_OF)
_I32 = st.integers(-(2**31), 2**31 - 1)
_I64 = st.integers(-(2**63), 2**63 - 1)
PRIMITIVES: dict[str, st.SearchStrategy[Any]] = {
    "boolean": st.booleans(),
    "int": _I32,
    "long": _I64,
    "string": st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    "bytes": st.binary(max_size=24),
}


def record_of(name: str) -> st.SearchStrategy[Any]:
    """Any record that the schema of that name can hold."""
    return _record(schema(name).json)


def any_record() -> st.SearchStrategy[Any]:
    """Any record of any schema."""
    return st.sampled_from(NAMES).flatmap(record_of)


def _record(node: dict[str, Any]) -> st.SearchStrategy[Any]:
    fields = {f["name"]: _value(f["type"]) for f in node["fields"]}
    return st.builds(getattr(records, node["name"]), **fields)


def _value(kind: Any) -> st.SearchStrategy[Any]:
    if isinstance(kind, str):
        return PRIMITIVES[kind]
    items = kind["items"]
    inner = PRIMITIVES[items] if isinstance(items, str) else _record(items)
    return st.lists(inner, max_size=3).map(tuple)
