"""What holds of every edit: what isn't named isn't touched, and nothing that anybody gives raises."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from copilot.edits.apply import OPERATIONS, apply, schema
from copilot.edits.parameters import PARAMETERS
from engine.expressions.values import Json
from engine.spec.diff import diff
from engine.spec.normalize import complete
from engine.spec.parse import parse
from engine.spec.validate import validate
from modules.registry import load_registry

REGISTRY = load_registry()
EXAMPLES = {path.stem: path.read_bytes() for path in sorted(Path("examples").glob("*.yaml"))}
Document = dict[str, Json]


def example(name: str) -> Document:
    document = complete(parse(EXAMPLES[name], "yaml").document, REGISTRY)
    assert isinstance(document, dict)
    return document


DOCUMENTS = {name: example(name) for name in EXAMPLES}

scalars = st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=6)
anything: st.SearchStrategy[Json] = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
ids = sorted({id_ for each in DOCUMENTS.values() for id_ in (*each.get("steps", {}), "x", "hook")})  # type: ignore[misc]
some_id = st.sampled_from([*ids, "new_step", "Bad Id", ""])
modules = st.sampled_from(["core.set", "http.request", "core.for_each", "core.try", "webhook.trigger", "no.such"])
ARGUMENTS: dict[str, st.SearchStrategy[Json]] = {
    **dict.fromkeys(PARAMETERS, anything),
    **dict.fromkeys(("id", "to", "from", "parent", "container", "connection", "name"), some_id),
    **{name: st.lists(some_id, max_size=3) for name in ("ids", "after", "before", "clear")},
    "module": modules,
    "path": st.sampled_from(["url", "/values/v", "/headers/0/-", "-", "", "/a/b/c"]),
    "slot": st.sampled_from(["body", "catch", "x"]),
    "handle": st.sampled_from(["out", "error", "true", "x"]),
    "inside": st.booleans(),
    "bridge": st.booleans(),
}


@st.composite
def operations(draw: st.DrawFn) -> list[Json]:
    chosen = draw(st.lists(st.sampled_from(sorted(OPERATIONS)), min_size=1, max_size=4))
    made: list[Json] = []
    for name in chosen:
        one = OPERATIONS[name]
        optional = draw(st.lists(st.sampled_from(one.takes), unique=True, max_size=3)) if one.takes else []
        made.append({"op": name, **{key: draw(ARGUMENTS[key]) for key in (*one.needs, *optional)}})
    return made


parts = st.sampled_from(
    ["steps", "edges", "triggers", "output", "requires", "settings", "tests", "layout", "input_schema", "name"]
)


@settings(max_examples=200)
@given(st.sampled_from(sorted(DOCUMENTS)), operations(), st.dictionaries(parts, anything, max_size=2))
def test_any_operations_on_any_document_give_a_document_or_problems_and_change_neither(
    name: str, given_: list[Json], broken: Document
) -> None:
    document: Json = {**DOCUMENTS[name], **broken}
    before = copy.deepcopy((document, given_))
    result = apply(document, given_, REGISTRY)
    assert (document, given_) == before
    if isinstance(result, list):
        assert result
        assert all(problem.message for problem in result)
        json.dumps([problem.to_json() for problem in result])
    else:
        assert apply(document, given_, REGISTRY) == result
        validate(result, REGISTRY, None, "draft")


@settings(max_examples=100)
@given(anything, anything)
def test_any_json_may_stand_for_both(document: Json, given_: Json) -> None:
    apply(document, given_, REGISTRY)
    apply(document, [given_], REGISTRY)
    apply(DOCUMENTS["hello"], given_, REGISTRY)


@settings(max_examples=100)
@given(st.data())
def test_an_edit_of_one_step_leaves_all_else_as_it_stands(data: st.DataObject) -> None:
    document = DOCUMENTS[data.draw(st.sampled_from(sorted(DOCUMENTS)))]
    steps = document["steps"]
    assert isinstance(steps, dict)
    id_ = data.draw(st.sampled_from(sorted(steps)))
    one: Document = data.draw(
        st.sampled_from(
            [
                {"op": "set_input", "id": id_, "path": "zzz", "value": 1},
                {"op": "set_step", "id": id_, "title": "Another"},
                {"op": "set_step", "id": id_, "timeout": "5s", "on_error": "continue"},
                {"op": "set_inputs", "id": id_, "inputs": {"a": 1}},
            ]
        )
    )
    result = apply(document, [one], REGISTRY)
    assert isinstance(result, dict), result
    changes = diff(document, result)
    assert (changes["edges"], changes["other"]) == ([], [])
    listed = changes["steps"]
    assert isinstance(listed, list)
    assert [each["id"] for each in listed if isinstance(each, dict)] == [id_]
    assert list(result) == list(document)
    assert list(result["steps"]) == list(steps)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", sorted(DOCUMENTS))
def test_a_renamed_step_is_followed_everywhere_and_back_again_is_the_same(name: str) -> None:
    document = DOCUMENTS[name]
    steps = document["steps"]
    assert isinstance(steps, dict)
    before = [finding for finding in validate(document, REGISTRY, None, "draft") if finding.severity == "error"]
    assert not before
    for id_ in steps:
        renamed = apply(document, [{"op": "rename_step", "id": id_, "to": "other_name"}], REGISTRY)
        assert isinstance(renamed, dict), renamed
        errors = [finding for finding in validate(renamed, REGISTRY, None, "draft") if finding.severity == "error"]
        assert not errors, (id_, errors)
        back = apply(renamed, [{"op": "rename_step", "id": "other_name", "to": id_}], REGISTRY)
        assert back == document
        assert json.dumps(back) == json.dumps(document), "the order too"


@pytest.mark.parametrize("name", sorted(DOCUMENTS))
def test_a_step_that_is_wrapped_and_unwrapped_stands_as_before(name: str) -> None:
    document = DOCUMENTS[name]
    steps = document["steps"]
    assert isinstance(steps, dict)
    for id_ in steps:
        wrapped = apply(document, [{"op": "wrap_in", "ids": [id_], "container": "box", "module": "core.try"}], REGISTRY)
        if isinstance(wrapped, list):
            assert "leaves the group by a handle" in wrapped[0].message
            continue
        again = apply(wrapped, [{"op": "unwrap", "id": "box"}], REGISTRY)
        assert isinstance(again, dict), again
        changes = diff(document, again)
        assert changes == {"steps": [], "edges": [], "other": []}, id_


def test_the_schema_tells_each_operation_and_each_parameter_once() -> None:
    shape = schema()
    properties = shape["properties"]
    assert isinstance(properties, dict)
    used = {key for each in OPERATIONS.values() for key in (*each.needs, *each.takes)}
    assert set(properties) == used | {"op"} == set(PARAMETERS) | {"op"}
    described = str(properties["op"]["description"])  # type: ignore[index, call-overload]
    assert all(f"{name}(" in described for name in OPERATIONS)
    assert len(json.dumps(shape)) < 12_000
