"""No spelling of a secret passes the redactor, and nothing else is touched by it."""

from __future__ import annotations

import base64
import html
import json
import pickle
import random
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modules.sdk.json import Json
from modules.sdk.json_bytes import dumps
from workspace.secrets.redactor import MASK, Redactor
from workspace.secrets.secret import Secret
from workspace.secrets.used import Used, UsedByRuns

_CHARACTERS = st.one_of(
    st.sampled_from("abzAZ019-_.~!*'();:@&=+$,/?#[]\\\"<>%^`{|} "), st.characters(exclude_categories=("Cs", "Cc"))
)
VALUES = st.text(_CHARACTERS, min_size=6, max_size=200).filter(lambda text: len(text.strip()) >= 6).map(str.strip)
SPELLINGS: dict[str, Callable[[str], str]] = {
    "raw": lambda text: text,
    "json": lambda text: json.dumps(text)[1:-1],
    "json of json": lambda text: json.dumps(json.dumps(text, ensure_ascii=False))[3:-3],
    "percent": lambda text: quote(text, safe=""),
    "percent twice": lambda text: quote(quote(text, safe=""), safe=""),
    "percent in a path": quote,
    "plus": quote_plus,
    "hex": lambda text: text.encode().hex(),
    "HEX": lambda text: text.encode().hex(":").upper(),
    "html": html.escape,
    "html by number": lambda text: "".join(f"&#{ord(one)};" for one in text),
    "unicode escapes": lambda text: json.dumps(json.dumps(text))[3:-3],
    "every unit escaped": lambda text: "".join(
        f"\\u{int.from_bytes(pair, 'big'):04X}" for pair in _pairs(text.encode("utf-16-be"))
    ),
    "repr": lambda text: repr(text)[1:-1],
    "mixed case": str.swapcase,
}


def _pairs(data: bytes) -> list[bytes]:
    return [data[at : at + 2] for at in range(0, len(data), 2)]


@pytest.mark.parametrize("spelling", sorted(SPELLINGS))
@settings(max_examples=100)
@given(value=VALUES, before=st.text(max_size=20), after=st.text(max_size=20))
def test_no_spelling_passes(spelling: str, value: str, before: str, after: str) -> None:
    if spelling == "mixed case" and not value.isascii():
        return
    spelled = SPELLINGS[spelling](value)
    redactor = Redactor([value])
    clean = redactor.text(f"{before}{spelled}{after}")
    assert MASK in clean
    assert spelled not in clean
    if spelled == value:
        assert len(clean) <= len(before) + len(after) + len(MASK)


@settings(max_examples=200)
@given(value=VALUES, before=st.binary(max_size=7), after=st.binary(max_size=7), urlsafe=st.booleans())
def test_base64_is_met_at_each_offset(value: str, before: bytes, after: bytes, *, urlsafe: bool) -> None:
    encode = base64.urlsafe_b64encode if urlsafe else base64.b64encode
    text = encode(before + value.encode() + after).decode()
    clean = Redactor([value]).text(text)
    assert MASK in clean
    rest = clean.split(MASK)
    # what is left of the value are the bits that share a digit with what stands beside it
    assert sum(map(len, rest)) <= -(-len(before) * 8 // 6) + -(-len(after) * 8 // 6) + 6 + 2 * (len(value) * 4 // 128)


def test_base64_is_met_over_line_ends() -> None:
    value = "a key that is longer than one line of a mail has characters, so its encoding is broken into lines"
    clean = Redactor([value]).text(base64.encodebytes(value.encode()).decode())
    assert clean.strip() == MASK


def test_several_lines_are_met_together_and_one_by_one() -> None:
    pem = "-----BEGIN KEY-----\nMIIBOgIBAAJBAKj34GkxFhD9\n0vcNLYLInFEX6Ppy1tPf9Cnz\n-----END KEY-----\n"
    redactor = Redactor([pem])
    assert redactor.text(f"<{pem}>") == f"<{MASK}\n>"
    assert redactor.text("line 2: 0vcNLYLInFEX6Ppy1tPf9Cnz") == f"line 2: {MASK}"
    assert redactor.text(json.dumps({"key": pem}).replace("\\n", "\\r\\n")).count("MIIB") == 0


@settings(max_examples=100)
@given(
    value=VALUES, data=st.recursive(st.none() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=4))
)
def test_json_is_gone_through_with_its_keys(value: str, data: Json) -> None:
    redactor = Redactor([value])
    planted: Json = {"data": data, f"k-{value}": [value, {"deep": f"<{html.escape(value)}>"}], "n": 1.5}
    clean = redactor.json(planted)
    assert not redactor.finds(dumps(clean))
    assert isinstance(clean, dict)
    assert len(clean) == 3
    assert clean["n"] == 1.5


def test_what_holds_no_secret_is_the_same_object() -> None:
    redactor = Redactor(["0123-4567-89ab"])
    data: Json = {"a": [1, "0123-4567", {"b": "\ud800"}], "long": "x" * 10_000}
    assert redactor.json(data) is data
    assert redactor.text("0123-4567-89a") == "0123-4567-89a"


def test_numbers_are_met_by_their_digits_and_keys_stay_apart() -> None:
    redactor = Redactor(["48151623"])
    assert redactor.json({"pin": 48151623, "x": 4815162}) == {"pin": MASK, "x": 4815162}
    assert redactor.json({"48151623": 1, "4815%31623": 2}) == {MASK: 1, f"{MASK} (2)": 2}


def test_values_that_overlap_leave_nothing_between() -> None:
    many = [f"filler-{number:04}" for number in range(40)]
    redactor = Redactor([*many, "alphabeta", "xx-alphabeta-yy"])
    assert redactor.text("[xx-alphabeta-yy] [alphabeta] [filler-0039]") == f"[{MASK}] [{MASK}] [{MASK}]"


def test_short_values_are_not_looked_for() -> None:
    assert Redactor(["abc", "", "     "]).idle
    assert Redactor(["abc"]).text("abc") == "abc"


def test_a_long_value_is_masked_as_a_whole() -> None:
    value = "".join(random.Random(1).choices([chr(point) for point in range(33, 127)], k=8_000))
    clean = Redactor([value]).text(f"a {value} b")
    assert set(clean) <= set("a* b")


def test_a_run_knows_what_its_attempts_used() -> None:
    runs = UsedByRuns()
    used = runs.of("r1")
    used.add({"user": "somebody-else", "password": "pass-word-1", "port": 5432, "on": True})
    assert runs.redactor("r1").text("pass-word-1 at 5432") == f"{MASK} at 5432"
    used.add("pass-word-2")
    assert runs.redactor("r1").text("pass-word-1 pass-word-2") == f"{MASK} {MASK}"
    assert runs.redactor("r2").text("pass-word-1") == "pass-word-1"
    attempt = Used()
    assert attempt.redactor().idle


def test_a_secret_shows_itself_to_nobody() -> None:
    secret = Secret({"password": "pass-word-1"})
    shown = f"{secret} {secret!r} {secret!s:>5} {[secret]}" + str(secret)
    assert "pass" not in shown
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    assert secret.reveal() == {"password": "pass-word-1"}
