"""What `compat` says of two schemas is what fastavro's resolution does with real bytes."""

import io
from typing import Any

import fastavro
import pytest
from fastavro.read import SchemaResolutionError
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from overt_schemas.catalogue import schema
from overt_schemas.compat import can_read, obstacles
from tests.schemas.strategies import NAMES

Node = dict[str, Any]
PRIMITIVES = ("boolean", "int", "long", "string", "bytes", "float", "double")
DEFAULTS: dict[str, Any] = {
    "boolean": False, "int": 0, "long": 0, "string": "", "bytes": "", "float": 0.0, "double": 0.0,
}  # fmt: skip


def _record(name: str, *fields: tuple[Any, ...]) -> Node:
    keys = ("name", "type", "default")
    return {
        "type": "record", "name": name, "namespace": "overt.v1",
        "fields": [dict(zip(keys, field, strict=False)) for field in fields],
    }  # fmt: skip


A = _record("Thing", ("a", "int"), ("b", "string"))
LIST = {"type": "array", "items": "int"}

# name: (schema one, schema two, one reads two, two reads one)
VECTORS: dict[str, tuple[Any, Any, bool, bool]] = {
    "the same": (A, A, True, True),
    "fields in another order": (
        A, _record("Thing", ("b", "string"), ("a", "int")), True, True,
    ),
    "a field less": (A, _record("Thing", ("a", "int")), False, True),
    "a field less, and a default": (
        _record("Thing", ("a", "int"), ("b", "string", "")), _record("Thing", ("a", "int")),
        True, True,
    ),
    "a field renamed": (A, _record("Thing", ("a", "int"), ("c", "string")), False, False),
    "int and long": (_record("Thing", ("a", "long")), _record("Thing", ("a", "int")), True, False),
    "long and double": (
        _record("Thing", ("a", "double")), _record("Thing", ("a", "long")), True, False,
    ),
    "string and bytes": (
        _record("Thing", ("a", "string")), _record("Thing", ("a", "bytes")), True, True,
    ),
    "int and string": (
        _record("Thing", ("a", "int")), _record("Thing", ("a", "string")), False, False,
    ),
    "boolean and int": (
        _record("Thing", ("a", "boolean")), _record("Thing", ("a", "int")), False, False,
    ),
    "another record": (A, {**A, "name": "Other"}, False, False),
    "another namespace": (A, {**A, "namespace": "overt.v2"}, True, True),
    "items widened": (
        _record("Thing", ("a", {"type": "array", "items": "long"})), _record("Thing", ("a", LIST)),
        True, False,
    ),
    "one and many": (_record("Thing", ("a", "int")), _record("Thing", ("a", LIST)), False, False),
    "a field more inside a list": (
        _record("Thing", ("a", {"type": "array", "items": _record("In", ("x", "int"))})),
        _record(
            "Thing", ("a", {"type": "array", "items": _record("In", ("x", "int"), ("y", "int"))})
        ),
        True, False,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("one", "two", "forth", "back"), VECTORS.values(), ids=VECTORS)
def test_both_directions(one: Any, two: Any, forth: bool, back: bool) -> None:
    assert can_read(reader=one, writer=two) is forth
    assert can_read(reader=two, writer=one) is back


@pytest.mark.parametrize(("one", "two", "forth", "back"), VECTORS.values(), ids=VECTORS)
def test_fastavro_agrees_with_every_vector(one: Any, two: Any, forth: bool, back: bool) -> None:
    assert _reads(one, two, _datum(two)) is forth
    assert _reads(two, one, _datum(one)) is back


@pytest.mark.parametrize("name", NAMES)
def test_every_schema_reads_itself_and_no_other_record(name: str) -> None:
    others = [schema(n).json for n in NAMES if n != name]

    assert obstacles(schema(name).json, schema(name).json) == ()
    assert not any(can_read(schema(name).json, other) for other in others)


def test_an_obstacle_names_the_field() -> None:
    reader = _record("Thing", ("a", {"type": "array", "items": _record("In", ("x", "int"))}))
    writer = _record("Thing", ("a", {"type": "array", "items": _record("In", ("x", "long"))}))

    assert obstacles(reader, writer) == ("a[].x: long cannot be read as int",)


def test_what_the_contract_does_not_know_is_an_obstacle() -> None:
    union = _record("Thing", ("a", ["null", "int"]))

    assert not can_read(union, union)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_fastavro_agrees_on_random_schemas_and_data(data: st.DataObject) -> None:
    writer = data.draw(_schemas())
    reader = data.draw(_evolved(writer))
    datum = data.draw(_data(writer))

    claimed = can_read(reader, writer)
    event(f"readable: {claimed}")

    assert _reads(reader, writer, datum) is claimed


def _reads(reader: Node, writer: Node, datum: Any) -> bool:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(writer), datum)
    out.seek(0)
    try:
        fastavro.schemaless_reader(
            out, fastavro.parse_schema(writer), fastavro.parse_schema(reader)
        )
    except SchemaResolutionError:
        return False
    assert out.read() == b""
    return True


def _datum(kind: Any) -> Any:
    if isinstance(kind, str):
        return {**DEFAULTS, "bytes": b"", "int": 7}[kind]
    if kind["type"] == "array":
        return [_datum(kind["items"])]
    return {f["name"]: _datum(f["type"]) for f in kind["fields"]}


def _data(kind: Any) -> st.SearchStrategy[Any]:
    """Values with no empty array: an empty one would hide that its items do not match."""
    if isinstance(kind, str):
        return {
            "boolean": st.booleans(), "int": st.integers(-(2**31), 2**31 - 1),
            "long": st.integers(-(2**63), 2**63 - 1), "float": st.floats(width=32),
            "double": st.floats(), "string": st.text("abcä", max_size=5),
            # any text is bytes, but not the other way round: `obstacles` says so
            "bytes": st.text("abcä", max_size=5).map(str.encode),
        }[kind]  # fmt: skip
    if kind["type"] == "array":
        return st.lists(_data(kind["items"]), min_size=1, max_size=3)
    return st.fixed_dictionaries({f["name"]: _data(f["type"]) for f in kind["fields"]})


@st.composite
def _schemas(draw: st.DrawFn, name: str = "T") -> Node:
    """A record named by its path, since a name is defined once in a schema."""
    names = draw(st.lists(st.sampled_from("abcd"), min_size=1, max_size=3, unique=True))
    return _record(name, *[(n, draw(_types(name + n))) for n in names])


def _types(name: str) -> st.SearchStrategy[Any]:
    primitive = st.sampled_from(PRIMITIVES)
    items = primitive if len(name) > 3 else st.one_of(primitive, _schemas(name))
    return st.one_of(primitive, items.map(lambda i: {"type": "array", "items": i}))


@st.composite
def _evolved(draw: st.DrawFn, node: Any) -> Any:
    """A schema a few changes away: fields dropped, added, retyped, moved; sometimes renamed."""
    if isinstance(node, str):
        change = draw(st.integers(0, 5))
        return draw(st.sampled_from(PRIMITIVES)) if change == 0 else node
    if node["type"] == "array":
        return {"type": "array", "items": draw(_evolved(node["items"]))}
    fields = [
        {"name": f["name"], "type": draw(_evolved(f["type"]))}
        for f in node["fields"]
        if draw(st.integers(0, 5))
    ]
    if draw(st.integers(0, 2)) == 0:
        kind = draw(st.sampled_from(PRIMITIVES))
        new: Node = {"name": "new", "type": kind}
        fields.append({**new, "default": DEFAULTS[kind]} if draw(st.booleans()) else new)
    name = "Other" + node["name"] if draw(st.integers(0, 20)) == 0 else node["name"]
    return {**node, "name": name, "fields": draw(st.permutations(fields))}
