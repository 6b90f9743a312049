"""JSON as modules read and write it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings

from modules.sdk.json import Json
from modules.sdk.json_bytes import dumps
from modules.sdk.parse_error import ParseError
from modules.sdk.schema import seconds
from modules.sdk.strict_json import parse_json
from tests.modules.values import VALUES


@given(VALUES)
@settings(max_examples=200)
def test_what_is_written_is_read(value: Json) -> None:
    assert parse_json(dumps(value)) == value
    assert parse_json(json.dumps(value)) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "NaN",
        "[Infinity]",
        "1e999",
        "-1e999",
        "18446744073709551616",
        "-9223372036854775809",
        "[" * 201 + "]" * 201,
        "[" * 10**6,
        '"\t"',
        b"\xff",
        "01",
    ],
)
def test_what_is_refused(text: str | bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 the text is for people and says which
        parse_json(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("18446744073709551615", 2**64 - 1),
        ("-9223372036854775808", -(2**63)),
        ("[" * 200 + "]" * 200, None),
        (b'\xef\xbb\xbf"\\ud800"', "\ud800"),
        ('{"a":1,"a":2}', {"a": 2}),
        ("1.0000000000000000001", 1.0),
    ],
)
def test_what_is_read(text: str | bytes, value: Json) -> None:
    assert value is None or parse_json(text) == value
    parse_json(text)


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ('{"1e999": "\\"1e999",\n "b": [1, 1e999]}', 2, 11),
        ('["Infinity -Infinity", -Infinity]', 1, 24),
        ('{"a":\n\n  -99999999999999999999}', 3, 3),
        ("[1,\n]", 2, 1),
    ],
)
def test_where_it_is(text: str, line: int, column: int) -> None:
    with pytest.raises(ParseError) as caught:
        parse_json(text)
    assert (caught.value.line, caught.value.column) == (line, column)
    assert "9999" not in str(caught.value), "data is never repeated"


@pytest.mark.parametrize(
    ("given_", "expected"),
    [("500ms", 0.5), ("10s", 10), ("1.5m", 90), ("1h", 3600), ("7d", 604800), (3, 3.0), (0.5, 0.5)],
)
def test_durations(given_: Json, expected: float) -> None:
    assert seconds(given_) == expected
