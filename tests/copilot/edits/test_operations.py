"""Each operation by example."""

from __future__ import annotations

import pytest

from copilot.edits.apply import MOST_OPERATIONS, apply
from engine.expressions.values import Json
from modules.registry import load_registry
from tests.fixtures.flows import flow, step

REGISTRY = load_registry()
Document = dict[str, Json]

BASE: Document = flow(
    "{{ steps.b.output }}",
    a=step("core.set", values={"v": 1, "list": [1, 2]}),
    b=step("core.set", after="a", values={"w": "{{ steps.a.output.v }}"}),
    c=step("core.set", after="b", values={}),
) | {"tests": [{"name": "one", "expect": {"steps": {"a": {"status": "succeeded"}}}}]}


def edited(*operations: Json, document: Document = BASE) -> Document:
    result = apply(document, list(operations), REGISTRY)
    assert isinstance(result, dict), result
    return result


def refused(*operations: Json, document: Json = BASE) -> str:
    result = apply(document, list(operations), REGISTRY)
    assert isinstance(result, list)
    return result[0].message


def ends(document: Document) -> list[str]:
    rows = document["edges"]
    assert isinstance(rows, list)
    return [f"{row['from']}:{row.get('handle', 'out')}>{row['to']}" for row in rows if isinstance(row, dict)]


def steps(document: Document) -> dict[str, Document]:
    return document["steps"]  # type: ignore[return-value]


def test_a_step_is_put_between_two_others() -> None:
    new = {"op": "add_step", "id": "n", "module": "core.set", "inputs": {"values": {}}, "after": ["a"], "before": ["b"]}
    made = edited(new)
    assert sorted(ends(made)) == ["a:out>n", "b:out>c", "n:out>b"]
    assert list(steps(made)) == ["a", "b", "c", "n"]


def test_steps_are_changed_moved_and_removed() -> None:
    changed = steps(edited({"op": "set_step", "id": "b", "retry": {"max_attempts": 3}, "title": "B"}))["b"]
    assert (changed["retry"], changed["title"]) == ({"max_attempts": 3}, "B")
    assert ends(edited({"op": "remove_step", "id": "b"})) == ["a:out>c"]
    assert ends(edited({"op": "remove_step", "id": "b", "bridge": False})) == []
    cleared = edited({"op": "set_step", "id": "b", "title": "B"}, {"op": "set_step", "id": "b", "clear": ["title"]})
    assert cleared == BASE
    boxed = edited({"op": "wrap_in", "ids": ["a", "b"], "container": "box", "module": "core.try"})
    assert ends(boxed) == ["a:out>b", "box:out>c"]
    assert [steps(boxed)[id_].get("parent") for id_ in ("a", "b", "c")] == ["box", "box", None]
    assert "inside: true" in refused({"op": "remove_step", "id": "box"}, document=boxed)
    assert list(steps(edited({"op": "remove_step", "id": "box", "inside": True}, document=boxed))) == ["c"]
    moved = edited({"op": "move_step", "id": "c", "parent": "box"}, document=boxed)
    assert (steps(moved)["c"]["parent"], ends(moved)) == ("box", ["a:out>b"])
    assert "itself" in refused({"op": "move_step", "id": "box", "parent": "box"}, document=boxed)
    assert edited({"op": "unwrap", "id": "box"}, document=boxed)["steps"] == BASE["steps"]


def test_inputs_are_set_by_place() -> None:
    def values(*operations: Json) -> Json:
        return steps(edited(*operations))["a"]["inputs"]["values"]  # type: ignore[index, call-overload]

    def at(path: str, value: Json) -> Json:
        return {"op": "set_input", "id": "a", "path": path, "value": value}

    assert values(at("/values/v", None)) == {"v": None, "list": [1, 2]}
    assert values(at("/values/list/-", 3)) == {"v": 1, "list": [1, 2, 3]}
    assert values(at("/values/list/0", 9)) == {"v": 1, "list": [9, 2]}
    assert values(at("/values/deep/er", 1)) == {"v": 1, "list": [1, 2], "deep": {"er": 1}}
    assert values({"op": "remove_input", "id": "a", "path": "/values/list/0"}) == {"v": 1, "list": [2]}
    assert "no place" in refused(at("/values/list/7", 1))
    assert "plain value" in refused(at("/values/v/x", 1))
    assert "no input" in refused({"op": "remove_input", "id": "a", "path": "valeus"})
    assert steps(edited({"op": "set_inputs", "id": "a", "inputs": {"values": {}}}))["a"]["inputs"] == {"values": {}}


def test_edges_are_made_once_and_taken_away() -> None:
    assert ends(edited({"op": "connect", "from": "a", "to": "c"}))[-1] == "a:out>c"
    assert ends(edited({"op": "connect", "from": "a", "to": "c", "handle": "error"}))[-1] == "a:error>c"
    assert "already" in refused({"op": "connect", "from": "a", "to": "b"})
    assert ends(edited({"op": "disconnect", "from": "a", "to": "b"})) == ["b:out>c"]
    assert "no edge" in refused({"op": "disconnect", "from": "a", "to": "c"})


def test_a_new_id_is_followed_by_what_reads_it_and_by_nothing_else() -> None:
    tricky = flow(
        "{{ steps['a'].output.v ~ ' steps.a ' ~ steps.ab.output }} steps.a",
        a=step("core.set", values={"v": 1}),
        ab=step("core.set", after="a", values={"x": "{{ steps.a.output.v + vars.steps.a }}"}),
    ) | {"tests": [{"name": "t", "mocks": {"a": {"output": 1}}, "expect": {"skipped": ["a", "ab"]}}]}
    made = edited({"op": "rename_step", "id": "a", "to": "z"}, document=tricky)
    assert made["output"] == "{{ steps['z'].output.v ~ ' steps.a ' ~ steps.ab.output }} steps.a"
    assert steps(made)["ab"]["inputs"] == {"values": {"x": "{{ steps.z.output.v + vars.steps.a }}"}}
    assert made["tests"] == [{"name": "t", "mocks": {"z": {"output": 1}}, "expect": {"skipped": ["z", "ab"]}}]
    assert list(steps(made)) == ["z", "ab"]
    assert ends(made) == ["z:out>ab"]
    assert "already" in refused({"op": "rename_step", "id": "a", "to": "ab"}, document=tricky)


def test_triggers_come_change_and_go() -> None:
    made = edited({"op": "set_trigger", "id": "hook", "module": "webhook.trigger", "inputs": {}, "before": ["a"]})
    assert made["triggers"] == {"hook": {"module": "webhook.trigger", "inputs": {}}}
    assert ends(made)[-1] == "hook:out>a"
    off = edited({"op": "set_trigger", "id": "hook", "disabled": True}, document=made)
    assert off["triggers"]["hook"]["disabled"] is True  # type: ignore[index, call-overload]
    gone = edited({"op": "remove_trigger", "id": "hook"}, document=off)
    assert (gone["triggers"], gone["edges"]) == ({}, BASE["edges"])
    assert "no trigger" in refused({"op": "remove_trigger", "id": "hook"})
    assert "give its `module`" in refused({"op": "set_trigger", "id": "hook"})


def test_the_whole_document_has_texts_settings_and_requirements() -> None:
    made = edited(
        {"op": "set_document", "title": "T", "description": "D"},
        {"op": "set_settings", "settings": {"timeout": "5m"}},
        {"op": "require", "variables": ["REGION"], "connections": {"mail": "smtp"}},
        {"op": "set_output", "value": 1},
    )
    assert (made["title"], made["description"], made["output"]) == ("T", "D", 1)
    assert made["settings"] == {"timeout": "5m"}
    assert made["requires"] == {"variables": ["REGION"], "connections": {"mail": {"app": "smtp"}}}
    back = edited(
        {"op": "unrequire", "clear": ["REGION", "mail"]},
        {"op": "set_settings", "clear": ["timeout"]},
        {"op": "set_document", "clear": ["title", "description"]},
        {"op": "remove_output"},
        document=made,
    )
    assert not {"requires", "title", "description", "output"} & set(back)
    assert "no setting" in refused({"op": "set_settings", "settings": {"timeuot": 1}})


def test_tests_are_kept_by_name() -> None:
    made = edited({"op": "add_test", "test": {"name": "two", "input": {}}})
    assert [each["name"] for each in made["tests"]] == ["one", "two"]  # type: ignore[union-attr, index, call-overload]
    assert "already" in refused({"op": "add_test", "test": {"name": "one"}})
    put = edited({"op": "set_test", "name": "one", "test": {"input": 1}})
    assert put["tests"] == [{"name": "one", "input": 1}]
    assert edited({"op": "remove_test", "name": "one"})["tests"] == []
    assert "There is no test 'onr'" in refused({"op": "remove_test", "name": "onr"})


@pytest.mark.parametrize(
    ("operation", "word"),
    [
        ({"op": "add_stpe", "id": "x"}, "add_step"),
        ({"op": "add_step", "id": "x"}, "needs `module`"),
        ({"op": "add_step", "id": "x", "module": "core.sett"}, "core.set"),
        ({"op": "add_step", "id": "X y", "module": "core.set"}, "is no id"),
        ({"op": "add_step", "id": "a", "module": "core.set"}, "already"),
        ({"op": "set_step", "id": "aa", "title": "x"}, "no step"),
        ({"op": "set_step", "id": "a"}, "Say what to set"),
        ({"op": "set_step", "id": "a", "titel": "x"}, "takes no `titel`"),
        ({"op": "set_step", "id": "a", "title": 7}, "doesn't fit"),
        ("add_step", "is an object"),
    ],
)
def test_what_cannot_be_done_says_what_to_change(operation: Json, word: str) -> None:
    assert word in refused(operation)


def test_an_edit_has_bounds() -> None:
    many: list[Json] = [{"op": "set_input", "id": "a", "path": "x", "value": 1}] * (MOST_OPERATIONS + 1)
    assert "too many" in refused(*many)
    assert "isn't an object" in refused(*many[:1], document=[])
