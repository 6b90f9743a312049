import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from modules.sdk.json import Json
from modules.sdk.parse_error import ParseError
from modules.sdk.yaml12 import parse_yaml

PLAIN: list[tuple[str, Json]] = [
    ("on", "on"),
    ("no", "no"),
    ("Yes", "Yes"),
    ("12:30", "12:30"),
    ("2026-01-31", "2026-01-31"),
    ("2026-01-31T08:00:00Z", "2026-01-31T08:00:00Z"),
    ("true", True),
    ("True", True),
    ("TRUE", True),
    ("tRue", "tRue"),
    ("false", False),
    ("null", None),
    ("~", None),
    ("", None),
    ("Null", None),
    ("nUll", "nUll"),
    ("12", 12),
    ("-12", -12),
    ("+12", 12),
    ("012", 12),
    ("0", 0),
    ("-0", 0),
    ("0o17", 15),
    ("0x1F", 31),
    ("0b11", "0b11"),
    ("1_000", "1_000"),
    ("1.5", 1.5),
    ("1.", 1.0),
    (".5", 0.5),
    ("1e3", 1000.0),
    ("-1.5E-2", -0.015),
    ("1.2.3", "1.2.3"),
    ("+", "+"),
    (".", "."),
    ("0x", "0x"),
    ("9223372036854775807", 9223372036854775807),
    ("18446744073709551615", 18446744073709551615),
    ("'12'", "12"),
    ('"true"', "true"),
    ("!!str 12", "12"),
    ("! 12", "12"),
    ("!!int 12", 12),
    ("!!float 12", 12.0),
    ("!!null ''", None),
    ("=", "="),
    ("٣", "٣"),
]


@pytest.mark.parametrize("pure", [False, True])
@pytest.mark.parametrize(("text", "value"), PLAIN)
def test_scalars_follow_the_core_schema(text: str, value: Json, pure: bool) -> None:
    got, faults = parse_yaml(f"key: {text}\n", pure=pure)
    assert faults == ()
    assert json.dumps(got) == json.dumps({"key": value})


REFUSED = [
    (".inf", "not a JSON value"),
    ("-.INF", "not a JSON value"),
    (".nan", "not a JSON value"),
    ("1e999", "too large"),
    ("18446744073709551616", "64 bits"),
    ("-9223372036854775809", "64 bits"),
    ("0xFFFFFFFFFFFFFFFFF", "64 bits"),
    ("9" * 100_000, "64 bits"),
    ("!!int abc", "not a value of the tag"),
    ("!!python/object/apply:os.system [ls]", "no meaning"),
    ("!custom x", "no meaning"),
    ("!!set {a}", "no meaning"),
    ("!!binary aGk=", "no meaning"),
    ("*nowhere", "no anchor|undefined alias"),
    ("[1, 2", "not YAML"),
    ("'open", "not YAML"),
    ("@x", "not YAML"),
    ('"\\q"', "not YAML"),
    ("[" * 500 + "]" * 500, "nested deeper"),
    ("{a: " * 300 + "1" + "}" * 300, "nested deeper"),
]


@pytest.mark.parametrize("pure", [False, True])
@pytest.mark.parametrize(("text", "message"), REFUSED)
def test_what_json_cannot_say_is_refused_with_its_place(text: str, message: str, pure: bool) -> None:
    with pytest.raises(ParseError, match=message) as caught:
        parse_yaml(f"a: 1\nkey: {text}\n", pure=pure)
    assert caught.value.line is not None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\n---\nb: 2\n", "more than one document"),
        ("? [a]\n: 1\n", "a key must be text"),
        ("a: &x [*x]\n", "inside its own anchor"),
        ("a: &x {b: *x}\n", "inside its own anchor"),
        ("- " * 300 + "x\n", "nested deeper"),
        ("a: \ud800\n", "surrogate"),
        ("a: \x00\n", "not YAML"),
        ("a:\n\t- 1\n", "not YAML"),
    ],
)
@pytest.mark.parametrize("pure", [False, True])
def test_shapes_that_are_no_document_are_refused(text: str, message: str, pure: bool) -> None:
    with pytest.raises(ParseError, match=message):
        parse_yaml(text, pure=pure)


@pytest.mark.parametrize("pure", [False, True])
def test_an_alias_bomb_ends_at_one_megabyte(pure: bool) -> None:
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    rows += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    with pytest.raises(ParseError, match="larger than 1 MB"):
        parse_yaml("\n".join(rows), pure=pure)


def test_a_scalar_bomb_ends_too() -> None:
    rows = ["a0: &a0 " + "x" * 1000] + [f"b{n}: *a0" for n in range(2000)]
    with pytest.raises(ParseError, match="larger than 1 MB"):
        parse_yaml("\n".join(rows))


def test_aliases_become_copies() -> None:
    value, _ = parse_yaml("a: &x {n: [1]}\nb: *x\nc: [*x, *x]\n")
    assert value == {"a": {"n": [1]}, "b": {"n": [1]}, "c": [{"n": [1]}, {"n": [1]}]}
    assert isinstance(value, dict)
    assert value["a"] is not value["b"]


@pytest.mark.parametrize("pure", [False, True])
def test_keys_are_text_and_doubtful_ones_are_told(pure: bool) -> None:
    text = "on: 1\n404: 2\ntrue: 3\nsteps:\n  a: {x: 1, x: 2}\n  a: 5\nrest:\n  <<: {y: 1}\n  '<<': 2\n"
    value, faults = parse_yaml(text, pure=pure)
    assert value == {"on": 1, "404": 2, "true": 3, "steps": {"a": 5}, "rest": {"<<": 2}}
    assert [(fault.path, fault.key, fault.line, fault.merge) for fault in faults] == [
        (("steps", "a", "x"), "x", 5, False),
        (("steps", "a"), "a", 6, False),
        (("rest", "<<"), "<<", 8, True),
        (("rest", "<<"), "<<", 9, False),
    ]


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "---\n...\n"])
def test_an_empty_text_is_null(text: str) -> None:
    assert parse_yaml(text) == (None, ())


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=15,
)


@given(JSON)
def test_json_is_yaml(value: Json) -> None:
    text = json.dumps(value, ensure_ascii=False).replace("\x7f", "")
    assert parse_yaml(text)[0] == json.loads(text)


@given(st.text(alphabet="ab:-?&*![]{}#|>'\"%@,\n 01.~<\t", max_size=60))
def test_both_parsers_agree_on_any_text(text: str) -> None:
    """Where both can read it; libyaml is stricter in a few corners of white space."""
    results: list[object] = []
    for pure in (False, True):
        try:
            results.append(parse_yaml(text, pure=pure))
        except ParseError:
            results.append(None)
    if None not in results:
        assert results[0] == results[1]


def test_libyaml_is_there() -> None:
    assert yaml.__with_libyaml__
