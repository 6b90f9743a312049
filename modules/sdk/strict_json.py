"""Strict reading of JSON, for all that comes from outside: bodies of requests, answers of other systems, documents.

Refused: NaN and infinities (also as `1e999`), integers beyond 64 bits (below -2**63, above 2**64-1), nesting deeper than `MAX_DEPTH`, and bytes
that aren't UTF-8. A byte order mark is skipped. Lone surrogates (`"\\ud800"`) and NUL are let through: they are what JSON can say,
and a value must survive the way to the log and back. Of duplicate keys the last one counts; a document's reader asks for them.

orjson reads first, since it is many times faster. It differs from the rule in three ways, each found before its answer is
trusted: integers beyond 64 bits become floats (any run of 19 digits goes the slow way), lone surrogates are refused
(whatever it refuses goes the slow way), and it allows 1,024 levels (the depth is looked at afterwards).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import NoReturn, TypeVar, cast

import orjson

from modules.sdk.json import INT_MAX, INT_MIN, Json
from modules.sdk.parse_error import ParseError

MAX_DEPTH = 200

_Read = TypeVar("_Read")
_MANY_DIGITS = re.compile(rb"[0-9]{19}")
_LONGEST_INTEGER = 21
_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|-?(?:[0-9][0-9.eE+-]*|Infinity)|NaN')


def parse_json(data: bytes | str, max_depth: int = MAX_DEPTH) -> Json:
    """The value that `data` says. Raises ParseError."""
    encoded = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    if encoded.startswith(b"\xef\xbb\xbf"):
        encoded = encoded[3:]
    if _MANY_DIGITS.search(encoded) is None:
        try:
            value = cast("Json", orjson.loads(encoded))
        except orjson.JSONDecodeError:
            pass
        else:
            _check_depth(value, max_depth)
            return value
    return parse_pairs(data, dict, max_depth)


def parse_pairs(
    data: bytes | str, build: Callable[[list[tuple[str, Json]]], dict[str, Json]], max_depth: int = MAX_DEPTH
) -> Json:
    """As `parse_json`, with each object made by `build` from its members in the order of the text, duplicates included."""
    text = decode(data)

    def placed(read: Callable[[str], _Read]) -> Callable[[str], _Read]:
        def reading(token: str) -> _Read:
            try:
                return read(token)
            except ParseError as error:
                raise ParseError(error.message, *_place(text, token)) from None

        return reading

    try:
        value = cast(
            "Json",
            json.loads(
                text,
                object_pairs_hook=build,
                parse_constant=placed(_refuse),
                parse_int=placed(integer),
                parse_float=placed(number),
            ),
        )
    except RecursionError:
        raise _too_deep(max_depth) from None
    except json.JSONDecodeError as error:
        message = error.msg[:1].lower() + error.msg[1:]
        raise ParseError(f"this is not JSON: {message}", error.lineno, error.colno) from None
    _check_depth(value, max_depth)
    return value


def decode(data: bytes | str) -> str:
    """UTF-8 to text, without a byte order mark. Raises ParseError."""
    if isinstance(data, str):
        return data.removeprefix("\ufeff")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ParseError(f"this is not UTF-8 text: byte {error.start} has no meaning there") from None


def integer(text: str) -> int:
    """A decimal integer within 64 bits. Raises ParseError."""
    value = int(text) if len(text) <= _LONGEST_INTEGER else INT_MAX + 1
    if not INT_MIN <= value <= INT_MAX:
        raise ParseError("an integer needs more than 64 bits: write it as text")
    return value


def number(text: str) -> float:
    """A finite double. Raises ParseError."""
    value = float(text)
    if not math.isfinite(value):
        raise ParseError("a number is too large")
    return value


def _check_depth(value: Json, max_depth: int) -> None:
    """Level by level, so that depth costs no stack."""
    if not isinstance(value, list | dict):
        return
    level: list[list[Json] | dict[str, Json]] = [value]
    for _ in range(max_depth):
        level = [
            item
            for each in level
            for item in (each if isinstance(each, list) else each.values())
            if isinstance(item, list | dict)
        ]
        if not level:
            return
    raise _too_deep(max_depth)


def _place(text: str, token: str) -> tuple[int, int]:
    """Line and column of the first such token that isn't in a string: it is the one that was refused, since it always would be."""
    start = next((found.start() for found in _TOKEN.finditer(text) if found[0] == token), 0)
    return text.count("\n", 0, start) + 1, start - text.rfind("\n", 0, start)


def _refuse(name: str) -> NoReturn:
    raise ParseError(f"{name} is not a JSON value")


def _too_deep(max_depth: int) -> ParseError:
    return ParseError(f"this is nested deeper than {max_depth} levels")
