from collections.abc import Mapping
from typing import cast

from engine.spec.document import SCHEMA_VERSION, JsonObject
from engine.spec.normalize import complete
from engine.spec.upgrade import Upgrade, upgrade
from modules.registry import load_registry


def nodes_become_steps(document: JsonObject) -> JsonObject:
    rest = {key: value for key, value in document.items() if key != "nodes"}
    return {**rest, "steps": document["nodes"]}


def titles_are_texts(document: JsonObject) -> JsonObject:
    return {**document, "title": str(document["title"])}


UPGRADES: Mapping[int, Upgrade] = {-1: nodes_become_steps, 0: titles_are_texts}


def test_an_old_document_goes_through_each_step_in_turn() -> None:
    old: JsonObject = {"schema_version": -1, "name": "a", "title": 7, "nodes": {"x": {}}}
    assert upgrade(old, UPGRADES) == {"schema_version": SCHEMA_VERSION, "name": "a", "title": "7", "steps": {"x": {}}}
    assert old == {"schema_version": -1, "name": "a", "title": 7, "nodes": {"x": {}}}


def test_what_is_not_an_older_document_stays() -> None:
    for value in (None, [], "x", {}, {"schema_version": True}, {"schema_version": 1}, {"schema_version": 99}):
        assert upgrade(cast("JsonObject", value), UPGRADES) == value


def test_a_draft_gets_the_newest_versions() -> None:
    draft: JsonObject = {
        "schema_version": 1,
        "name": "a",
        "triggers": {"hook": {"module": "webhook.trigger", "inputs": {}}},
        "steps": {
            "a": {"title": "A", "module": "core.set", "inputs": {"values": {}}},
            "b": {"module": "core.set", "version": 7},
            "c": {"module": "no.such"},
            "d": 5,
        },
    }
    done = complete(draft, load_registry())
    assert done == {
        "schema_version": 1,
        "name": "a",
        "triggers": {"hook": {"module": "webhook.trigger", "version": 1, "inputs": {}}},
        "steps": {
            "a": {"title": "A", "module": "core.set", "version": 1, "inputs": {"values": {}}},
            "b": {"module": "core.set", "version": 7},
            "c": {"module": "no.such"},
            "d": 5,
        },
    }
    assert "version" not in draft["steps"]["a"]  # type: ignore[index, call-overload, operator]
    for value in (None, 3, "x", [], {"steps": []}):
        assert complete(cast("JsonObject", value), load_registry()) == value
