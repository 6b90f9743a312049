"""Foreign data against foreign schemas: always an answer, in bounded time."""

from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from engine.core.sample import sample
from engine.expressions.values import Json
from engine.input_check import MOST_ERRORS, check, check_now
from tests.fixtures.http_server import HttpServer

_LEAVES = st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=4)
_DATA = st.recursive(
    _LEAVES, lambda below: st.lists(below, max_size=3) | st.dictionaries(st.sampled_from("abc"), below), max_leaves=8
)
_SCHEMAS = st.recursive(
    st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(["string", "integer", "null", "object", "array"]),
            "enum": st.lists(_LEAVES, min_size=1),
        },
    ),
    lambda below: st.fixed_dictionaries(
        {},
        optional={
            "properties": st.dictionaries(st.sampled_from("abc"), below),
            "patternProperties": st.dictionaries(st.sampled_from(["^a", "b$", "."]), below),
            "additionalProperties": below | st.just(False),
            "items": below,
            "uniqueItems": st.booleans(),
            "pattern": st.sampled_from(["^a*$", "b", "[0-9]+"]),
            "anyOf": st.lists(below, min_size=1, max_size=2),
        },
    ),
    max_leaves=6,
)


@settings(max_examples=200)
@given(_SCHEMAS, _DATA)
def test_the_bounded_check_says_the_same_as_the_reference(schema: dict[str, Json], data: Json) -> None:
    assert bool(check_now(schema, data)) == (not Draft202012Validator(schema).is_valid(data))


@settings(max_examples=200)
@given(_DATA)
def test_any_json_as_a_schema_gives_an_answer_and_a_sample(schema: Json) -> None:
    if isinstance(schema, dict):
        check_now(schema, {"a": 1})
    sample(schema)


async def test_a_pattern_that_backtracks_for_ever_elsewhere_ends_at_once() -> None:
    text = "a" * 200_000 + "!"
    assert await check({"type": "string", "pattern": "^(a+)+$"}, text, size=len(text)) == [
        {"path": "", "message": "does not match the pattern '^(a+)+$'"}
    ]


async def test_what_is_wrong_is_told_with_its_place_and_not_without_end() -> None:
    found = await check({"items": {"type": "integer"}}, ["x"] * 500, size=100, base="/body")
    assert len(found) == MOST_ERRORS
    assert found[1] == {"path": "/body/1", "message": "'x' is not of type 'integer'"}


def test_a_schema_that_cannot_be_applied_refuses_everything() -> None:
    for schema in ({"pattern": "(?=a)"}, {"$ref": "https://example.com/schema"}, {"type": 12}):
        assert check_now({**schema}, "a")


def test_a_sample_says_first_what_the_author_said_and_else_fits_the_types() -> None:
    schema: dict[str, Json] = {
        "type": "object",
        "required": ["id"],
        "properties": {
            "id": {"type": "integer", "minimum": 7},
            "mail": {"type": "string", "format": "email"},
            "state": {"enum": ["open", "closed"]},
            "lines": {"type": "array", "items": {"$ref": "#/$defs/line"}},
        },
        "$defs": {"line": {"type": "object", "properties": {"sku": {"const": "a1"}}}},
    }
    made = sample(schema)
    assert made == {"id": 7, "mail": "someone@example.com", "state": "open", "lines": [{"sku": "a1"}]}
    assert check_now(schema, made) == []


def test_a_schema_that_refers_to_itself_many_times_still_gives_a_sample() -> None:
    sample({"properties": {name: {"$ref": "#"} for name in "abcdefghij"}})


async def test_nothing_is_fetched(http_server: HttpServer) -> None:
    for schema in ({"$ref": http_server.url}, {"$id": http_server.url, "$ref": "x"}, {"$dynamicRef": http_server.url}):
        assert await check(schema, {"a": 1}, size=10**7)
    assert http_server.connections == 0


def test_a_dialect_below_does_not_bring_back_patterns_that_backtrack() -> None:
    dialect: Json = "https://json-schema.org/draft/2020-12/schema"
    schema: dict[str, Json] = {"properties": {"a": {"$schema": dialect, "pattern": "^(a+)+$"}}}
    assert check_now(schema, {"a": "a" * 200 + "!"})
    assert check_now({"properties": {"a": {"const": {"$schema": "x"}}}}, {"a": {"$schema": "x"}}) == []
