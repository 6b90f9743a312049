"""Strict reading of JSON: bodies of requests, and documents.

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
from typing import NoReturn, cast

import orjson

from engine.expressions.values import INT_MAX, INT_MIN, Json

MAX_DEPTH = 200

_MANY_DIGITS = re.compile(rb"[0-9]{19}")
_LONGEST_INTEGER = 21


class ParseError(Exception):
    """The bytes are not a value. `line` and `column` count from 1, where they are known."""

    def __init__(self, message: str, line: int | None = None, column: int | None = None) -> None:
        where = f" (line {line}, column {column})" if line is not None else ""
        super().__init__(f"{message}{where}")
        self.message = message
        self.line = line
        self.column = column


def parse_json(data: bytes | str) -> Json:
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
            check_depth(value)
            return value
    return parse_pairs(encoded, dict)


def parse_pairs(data: bytes | str, build: Callable[[list[tuple[str, Json]]], dict[str, Json]]) -> Json:
    """As `parse_json`, with each object made by `build` from its members in the order of the text, duplicates included."""
    text = decode(data)
    try:
        value = cast(
            "Json",
            json.loads(text, object_pairs_hook=build, parse_constant=_refuse, parse_int=integer, parse_float=number),
        )
    except RecursionError:
        raise _too_deep() from None
    except json.JSONDecodeError as error:
        message = error.msg[:1].lower() + error.msg[1:]
        raise ParseError(f"this is not JSON: {message}", error.lineno, error.colno) from None
    check_depth(value)
    return value


def decode(data: bytes | str) -> str:
    """UTF-8 to text, without a byte order mark. Raises ParseError."""
    if isinstance(data, str):
        return data.removeprefix("\ufeff")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ParseError(f"this is not UTF-8 text: byte {error.start} has no meaning there") from None


def check_depth(value: Json) -> None:
    """Raises ParseError if `value` is nested deeper than `MAX_DEPTH`. Level by level, so that depth costs no stack."""
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        below: list[Json] = []
        for item in level:
            if isinstance(item, list):
                below.extend(item)
            elif isinstance(item, dict):
                below.extend(item.values())
        if not below:
            return
        level = below
    raise _too_deep()


def integer(text: str) -> int:
    """A decimal integer within 64 bits. Raises ParseError."""
    value = int(text) if len(text) <= _LONGEST_INTEGER else INT_MAX + 1
    if not INT_MIN <= value <= INT_MAX:
        raise ParseError(f"the integer {text[:24]} needs more than 64 bits: write it as text")
    return value


def number(text: str) -> float:
    """A finite double. Raises ParseError."""
    value = float(text)
    if not math.isfinite(value):
        raise ParseError(f"the number {text[:24]} is too large")
    return value


def _refuse(name: str) -> NoReturn:
    raise ParseError(f"{name} is not a JSON value")


def _too_deep() -> ParseError:
    return ParseError(f"this is nested deeper than {MAX_DEPTH} levels")
