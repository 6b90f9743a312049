from engine.spec.document import JsonObject
from engine.spec.xeval import split_inputs

SWITCH: JsonObject = {
    "type": "object",
    "properties": {
        "value": {},
        "cases": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"handle": {"type": "string"}, "equals": {}, "when": {"x-eval": "later"}},
            },
        },
    },
}


def test_without_marks_all_is_now() -> None:
    inputs: JsonObject = {"a": "{{ x }}", "b": [1, {"c": "{{ y }}"}]}
    split = split_inputs({"type": "object", "properties": {"a": {}, "b": {}}}, inputs)
    assert split.plain
    assert split.now == inputs


def test_a_mark_deep_in_a_list() -> None:
    inputs: JsonObject = {
        "value": "{{ a }}",
        "cases": [{"handle": "x", "equals": "{{ b }}"}, {"handle": "y", "when": "{{ c }}"}],
    }
    split = split_inputs(SWITCH, inputs)
    assert split.later == {"/cases/1/when": "{{ c }}"}
    assert split.now == {
        "value": "{{ a }}",
        "cases": [{"handle": "x", "equals": "{{ b }}"}, {"handle": "y", "when": {"$literal": "{{ c }}"}}],
    }
    assert inputs["cases"] == [{"handle": "x", "equals": "{{ b }}"}, {"handle": "y", "when": "{{ c }}"}]


def test_what_an_expression_gives_is_data() -> None:
    split = split_inputs(SWITCH, {"cases": "{{ trigger.body.cases }}"})
    assert split.plain


def test_a_literal_ends_the_walk() -> None:
    assert split_inputs(SWITCH, {"cases": {"$literal": [{"when": "{{ c }}"}]}}).plain


def test_raw_covers_all_below() -> None:
    schema: JsonObject = {"properties": {"schema": {"type": "object", "x-eval": "raw"}}}
    split = split_inputs(schema, {"schema": {"properties": {"a": "{{ no }}"}}})
    assert split.raw == {"/schema": {"properties": {"a": "{{ no }}"}}}
    assert split.now == {"schema": {"$literal": {"properties": {"a": "{{ no }}"}}}}


def test_marks_behind_combinators_references_and_names_with_slashes() -> None:
    schema: JsonObject = {
        "$defs": {"key": {"x-eval": "later", "x-scope": ["item"]}},
        "allOf": [
            {
                "properties": {"a/b": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/key"}]}},
                "additionalProperties": {"x-eval": "raw"},
            }
        ],
    }
    split = split_inputs(schema, {"a/b": "{{ item }}", "other": "{{ r }}"})
    assert split.later == {"/a~1b": "{{ item }}"}
    assert split.raw == {"/other": "{{ r }}"}


def test_a_schema_that_refers_to_itself_ends() -> None:
    schema: JsonObject = {
        "$defs": {"n": {"allOf": [{"$ref": "#/$defs/n"}]}},
        "properties": {"a": {"$ref": "#/$defs/n"}},
    }
    assert split_inputs(schema, {"a": [1]}).plain
