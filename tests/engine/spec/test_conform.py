"""Our checker says yes and no where the jsonschema library does; it only says it in other words."""

import copy
import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from engine.expressions.values import Json
from engine.spec.conform import Conformance, Hole
from engine.spec.schema import document_schema
from modules.registry import load_registry

TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=6)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats(-3, 3) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)

FULL: dict[str, Json] = {
    "schema_version": 1,
    "name": "full",
    "title": "Full",
    "description": "all there is",
    "input_schema": {"type": "object"},
    "triggers": {"hook": {"module": "webhook.trigger", "version": 1, "inputs": {"mode": "sync"}, "disabled": False}},
    "steps": {
        "a": {
            "module": "http.request", "version": 1, "title": "A", "notes": "n", "inputs": {"url": "u"}, "join": "any",
            "on_error": "branch", "timeout": "10s", "connection": "shop", "disabled": True,
            "retry": {"max_attempts": 3, "initial": 0.5, "backoff": 2, "max_interval": "1m", "jitter": 0.1,
                      "on": ["http.*"], "never_on": ["http.4*"], "on_lost": "fail"},
            "throttle": {"key": "k", "count": 1, "per": "1s"},
        },
        "b": {"module": "core.set", "parent": "a", "slot": "body"},
    },
    "edges": [{"from": "hook", "to": "a"}, {"from": "a", "handle": "error", "to": "b"}],
    "output": {"x": 1},
    "requires": {"variables": ["A"], "connections": {"shop": {"app": "shop"}}},
    "settings": {"timeout": "1h", "finally_timeout": 5, "max_concurrent_runs": 2, "concurrency_key": "k", "log": "errors",
                 "retention_days": 7},
    "tests": [
        {"name": "t", "trigger": {"body": 1}, "vars": {"A": 1}, "mocks": {"a": [{"error": {"code": "x"}}, {"output": 1}]},
         "expect": {"status": "failed", "output": 1, "error": {"code": "x"}, "skipped": ["b"],
                    "steps": {"a": {"status": "failed", "handle": None, "output": 2}}}},
    ],
    "layout": {"a": {"x": 1, "y": 2.5}},
}  # fmt: skip
WRONG: list[Json] = [
    *(
        None,
        True,
        False,
        0,
        1,
        -1,
        1.0,
        1.5,
        2**53,
        "",
        "x",
        "1s",
        "10d",
        "1w",
        "-1s",
        "9999999d",
        "all",
        "fail",
        "Name",
        "a.b",
    ),
    *(
        "x" * 300,
        [],
        ["x"],
        ["x", "x"],
        [1],
        {},
        {"x": 1},
        {"app": "a"},
        {"from": "a", "to": "b"},
        {"output": 1, "error": {}},
    ),
    *({"error": {"code": "a"}}, {"module": "core.set"}, [{"output": 1}]),
]


def mutated(document: Json, chance: random.Random) -> Json:
    """A valid document with one to three parts replaced, renamed, added or removed."""
    done = copy.deepcopy(document)
    for _ in range(chance.randint(1, 3)):
        here: Json = done
        for _ in range(chance.randint(0, 5)):
            below = [item for item in (here.values() if isinstance(here, dict) else here if isinstance(here, list) else [])
                     if isinstance(item, dict | list)]  # fmt: skip
            if not below:
                break
            here = chance.choice(below)
        wrong = copy.deepcopy(chance.choice(WRONG))
        if isinstance(here, dict):
            key = chance.choice([*here, "extra", "Bad Key"])
            move = chance.randint(0, 3)
            if move == 0:
                here.pop(key, None)
            elif move == 1 and key in here:
                here[chance.choice(["renamed", "Re-named", "module", "name"])] = here.pop(key)
            else:
                here[key] = wrong
        elif isinstance(here, list):
            if here and chance.random() < 0.5:
                here[chance.randrange(len(here))] = wrong
            else:
                here.append(wrong)
    return done


@given(st.randoms(use_true_random=False))
@settings(max_examples=200)
def test_documents_get_the_verdict_of_the_published_schema(chance: random.Random) -> None:
    document = mutated(FULL, chance)
    theirs = Draft202012Validator(document_schema()).is_valid(document)
    ours = Conformance(document_schema()).faults(document)
    assert (not ours) == theirs, (ours, json.dumps(document))


@given(JSON)
def test_any_value_gets_the_verdict_of_the_published_schema(value: Json) -> None:
    assert (not Conformance(document_schema()).faults(value)) == Draft202012Validator(document_schema()).is_valid(value)


def test_the_full_document_fits_and_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(document_schema())
    assert Conformance(document_schema()).faults(FULL) == []


SCHEMA = st.recursive(
    st.booleans()
    | st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(
                ["string", "integer", "number", "object", "array", "null", "boolean", ["string", "null"]]
            ),
            "enum": st.lists(JSON, min_size=1, max_size=3),
            "const": JSON,
            "minimum": st.integers(-2, 2),
            "exclusiveMaximum": st.integers(-2, 2),
            "minLength": st.integers(0, 3),
            "maxLength": st.integers(0, 3),
            "minItems": st.integers(0, 2),
            "maxItems": st.integers(0, 2),
            "uniqueItems": st.booleans(),
            "maxProperties": st.integers(0, 2),
            "required": st.lists(st.sampled_from(["a", "b"]), max_size=2, unique=True),
        },
    ),
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "properties": st.dictionaries(st.sampled_from(["a", "b"]), inner, max_size=2),
            "additionalProperties": inner,
            "patternProperties": st.dictionaries(st.just("^a"), inner, max_size=1),
            "propertyNames": st.just({"maxLength": 1}),
            "items": inner,
            "prefixItems": st.lists(inner, min_size=1, max_size=2),
            "anyOf": st.lists(inner, min_size=1, max_size=2),
            "oneOf": st.lists(inner, min_size=1, max_size=2),
            "allOf": st.lists(inner, min_size=1, max_size=2),
            "not": inner,
        },
    ),
    max_leaves=6,
)
SMALL = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.just(1.0) | st.sampled_from(["", "a", "ab", "abcd"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "ab"]), inner, max_size=3),
    max_leaves=5,
)


@given(SCHEMA, SMALL)
@settings(max_examples=300)
def test_any_schema_gets_the_verdict_of_the_library(schema: Json, value: Json) -> None:
    if isinstance(schema, dict):
        theirs = Draft202012Validator(schema).is_valid(value)
        assert (not Conformance(schema).faults(value)) == theirs


def hole(value: Json) -> Hole | None:
    if isinstance(value, str) and value.startswith("?"):
        return "text" if value.startswith("??") else "anything"
    return None


def filled(value: Json, texts: list[Json]) -> Json:
    if isinstance(value, str) and value.startswith("?"):
        return next((text for text in texts if not value.startswith("??") or isinstance(text, str)), "x")
    if isinstance(value, list):
        return [filled(item, texts) for item in value]
    if isinstance(value, dict):
        return {key: filled(item, texts) for key, item in value.items()}
    return value


HOLED = st.recursive(
    st.integers(-2, 2) | st.sampled_from(["", "ab", "?", "??", "?", "??"]) | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b"]), inner, max_size=3),
    max_leaves=5,
)


@given(SCHEMA, HOLED, st.permutations(["", "a", "abcd", 1, 0, None, True, [], {}, [1, 1], {"a": 1}]))
@settings(max_examples=300)
def test_a_fault_among_holes_is_one_whatever_they_become(schema: Json, value: Json, texts: list[Json]) -> None:
    if isinstance(schema, dict) and Draft202012Validator(schema).is_valid(filled(value, texts)):
        assert Conformance(schema, hole).faults(value) == []


@pytest.mark.parametrize("module", load_registry().all(), ids=lambda module: module.key)
def test_examples_of_modules_fit_their_input_schemas(module: object) -> None:
    schema = module.input_schema  # type: ignore[attr-defined]
    assert Conformance(schema).faults(module.example.inputs) == []  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("schema", "value", "message", "hint"),
    [
        ({"type": "object", "properties": {"url": {}}, "additionalProperties": False}, {"ulr": 1}, "unknown key 'ulr'",
         "did you mean 'url'?"),
        ({"type": "integer"}, "3", "a whole number is needed, and this is text", None),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, 3, "text or null is needed, and this is a number", None),
        ({"enum": ["all", "any"]}, "any ", "this must be 'all' or 'any'", "did you mean 'any'?"),
        ({"required": ["a"], "properties": {"a": {"description": "the first"}}}, {}, "'a' is missing", "the first"),
        ({"oneOf": [{"required": ["a"]}, {"required": ["b"]}]}, {"a": 1, "b": 2}, "give only one of 'a' or 'b'", None),
        ({"oneOf": [{"required": ["a"]}, {"required": ["b"]}]}, {}, "'a' or 'b' is missing", None),
        ({"type": "string", "minLength": 1}, "", "this text must not be empty", None),
        ({"items": {"type": "string"}, "uniqueItems": True}, ["a", "a"], "'a' stands in this list twice", None),
    ],
)  # fmt: skip
def test_faults_are_said_for_people(schema: dict[str, Json], value: Json, message: str, hint: str | None) -> None:
    (fault,) = Conformance(schema).faults(value)
    assert (fault.message, fault.hint) == (message, hint)
