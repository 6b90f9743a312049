import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.expressions.values import Json
from engine.spec.finding import Code
from engine.spec.parse import Parsed, parse
from modules.sdk.parse_error import ParseError
from modules.sdk.strict_json import MAX_DEPTH, parse_json

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=15,
)


@given(JSON)
def test_every_value_comes_back_with_its_types(value: Json) -> None:
    text = json.dumps(value)
    assert json.dumps(parse_json(text)) == json.dumps(value)
    assert json.dumps(parse_json(text.encode())) == json.dumps(value)
    assert json.dumps(parse(text.encode(), "json").document) == json.dumps(value)


@given(st.binary(max_size=60) | st.text(alphabet='[]{}",:0123456789.eE+-truefalsn\\u \n\ud800').map(str))
def test_any_bytes_give_a_value_or_a_parse_error(data: bytes | str) -> None:
    for media in ("json", "yaml"):
        with contextlib.suppress(ParseError):
            assert isinstance(parse(data, media), Parsed)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("NaN", "not a JSON value|not JSON"),
        ("[Infinity]", "not a JSON value"),
        ("[1e999]", "too large"),
        ("[-1e999]", "too large"),
        ("18446744073709551616", "64 bits"),
        ("-9223372036854775809", "64 bits"),
        ("9" * 10_000, "64 bits"),
        ('{"a": 1,}', "not JSON"),
        ("", "not JSON"),
        ("[1] x", "not JSON"),
        ("[" * 100_000, "nested deeper|not JSON"),
        ("[" * 100_000 + "]" * 100_000, "nested deeper"),
        ("[" * (MAX_DEPTH + 2) + "]" * (MAX_DEPTH + 2), "nested deeper"),
        ('{"a":' * 1000 + "1" + "}" * 1000, "nested deeper"),
        (b"\xff\xfe[\x00]\x00", "not UTF-8"),
        (b'"\xed\xa0\x80"', "not UTF-8"),
    ],
)
def test_what_is_no_json_is_refused(text: str | bytes, message: str) -> None:
    with pytest.raises(ParseError, match=message):
        parse_json(text)


def test_200_levels_are_allowed() -> None:
    value = parse_json("[" * MAX_DEPTH + "]" * MAX_DEPTH)
    assert isinstance(value, list)


def test_odd_but_legal_text_survives() -> None:
    assert parse_json(b'\xef\xbb\xbf["\\ud800", "\\u0000", "\\ud83d\\ude00", 1.0, -0.0]') == [
        "\ud800", "\x00", "\U0001f600", 1.0, -0.0,
    ]  # fmt: skip


def test_a_parse_error_says_where() -> None:
    with pytest.raises(ParseError) as caught:
        parse_json('{\n  "a": 1,\n  b\n}')
    assert (caught.value.line, caught.value.column) == (3, 3)


def test_duplicate_keys_are_found_with_their_pointers() -> None:
    parsed = parse('{"a": 1, "steps": {"x": {"y/z": 1, "y/z": 2, "y/z": 3}}, "l": [{"b": 1, "b": 2}], "a": 2}', "json")
    assert parsed.document == {"a": 2, "steps": {"x": {"y/z": 3}}, "l": [{"b": 2}]}
    assert [(finding.code, finding.path, finding.severity) for finding in parsed.findings] == [
        (Code.KEY_DUPLICATE, "/a", "error"),
        (Code.KEY_DUPLICATE, "/l/0/b", "error"),
        (Code.KEY_DUPLICATE, "/steps/x/y~1z", "error"),
    ]


def test_yaml_faults_are_findings() -> None:
    parsed = parse("a: 1\na: 2\nb:\n  <<: {c: 1}\n", "yaml")
    assert [(finding.code, finding.path) for finding in parsed.findings] == [
        (Code.KEY_DUPLICATE, "/a"),
        (Code.KEY_MERGE, "/b/<<"),
    ]


def test_text_far_over_the_limit_is_not_read() -> None:
    with pytest.raises(ParseError, match="at most 4 MB"):
        parse(b" " * (5 * 2**20), "json")
