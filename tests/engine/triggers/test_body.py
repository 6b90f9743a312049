"""A body is read by its content type alone; anything wrong with it is a 4xx that says what."""

import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.problems import Problem
from engine.triggers.body import BODY_LIMIT, parse_body


@pytest.mark.parametrize(
    ("content_type", "body", "value"),
    [
        ("application/json", b'{"a": [1, 2.5, null]}', {"a": [1, 2.5, None]}),
        ("application/json; charset=utf-8", b'\xef\xbb\xbf"\\u0000\\ud800"', "\x00\ud800"),
        ("application/vnd.github+json", b"[18446744073709551615]", [18446744073709551615]),
        ("application/x-www-form-urlencoded", b"a=1&b=&a=%C3%A9", {"a": ["1", "é"], "b": ""}),
        ("text/plain; charset=latin-1", b"caf\xe9", "café"),
        ("application/octet-stream", b"\x00\xff", base64.b64encode(b"\x00\xff").decode()),
        ("image/png", b"\x89PNG", base64.b64encode(b"\x89PNG").decode()),
        ("application/json", b"", None),
        (None, b'{"a": 1}', {"a": 1}),
        (None, b"plain", "plain"),
        (None, b"\xff\xfe", base64.b64encode(b"\xff\xfe").decode()),
    ],
)
def test_a_body_is_read_by_its_content_type(content_type: str | None, body: bytes, value: object) -> None:
    assert parse_body(body, content_type) == value


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("application/json", b"{", 400),
        ("application/json", b"NaN", 400),
        ("application/json", b"1e999", 400),
        ("application/json", b"36893488147419103232", 400),
        ("application/json", b"[" * 100_000, 400),
        ("application/json", b'"\xff"', 400),
        ("application/x-www-form-urlencoded", b"a=%FF", 400),
        ("application/x-www-form-urlencoded", b"&".join([b"a=1"] * 100_001), 400),
        ("text/plain; charset=utf-8", b"\xff", 400),
        ("text/plain; charset=klingon", b"a", 415),
        ("multipart/form-data; boundary=x", b"--x--", 415),
        ("application/json", b'"' + b"a" * BODY_LIMIT + b'"', 413),
    ],
)
def test_a_body_that_cannot_be_taken_is_refused(content_type: str, body: bytes, status: int) -> None:
    with pytest.raises(Problem) as caught:
        parse_body(body, content_type)
    assert caught.value.status == status


@settings(max_examples=200)
@given(
    st.binary(max_size=200),
    st.one_of(st.none(), st.text(max_size=40), st.sampled_from(["text/html", "application/json"])),
)
def test_no_body_and_no_header_gets_more_than_a_problem(body: bytes, content_type: str | None) -> None:
    json.dumps(_read_or_status(body, content_type))


def _read_or_status(body: bytes, content_type: str | None) -> object:
    try:
        return parse_body(body, content_type)
    except Problem as problem:
        return problem.status
