"""JSON as data may be: UTF text, integers of 64 bits, finite numbers, at most 200 levels. Lone surrogates and NUL survive.

The quick parser reads what it reads in the same way; what it refuses or would round goes to the careful one, which says why.
"""

from __future__ import annotations

import json
import math
import re

import orjson

from modules.sdk.json import Json

DEEPEST = 200

_MAYBE_LONG = re.compile(rb"\d{19}")


def parse_json(text: bytes | str, deepest: int = DEEPEST) -> Json:
    """Raises ValueError with a text for people, which never repeats the data. `deepest` is the most levels allowed."""
    raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    if _MAYBE_LONG.search(raw) is None:
        try:
            return _shallow_enough(orjson.loads(raw), deepest)
        except orjson.JSONDecodeError:
            pass
    try:
        plain = text if isinstance(text, str) else raw.decode(json.detect_encoding(raw))
    except UnicodeDecodeError:
        raise ValueError("it is not text in UTF-8") from None
    try:
        value: Json = json.loads(
            plain.removeprefix("\ufeff"), parse_int=_integer, parse_float=_number, parse_constant=_constant
        )
    except json.JSONDecodeError as error:
        raise ValueError(f"{error.msg} (line {error.lineno}, column {error.colno})") from None
    except RecursionError:
        raise ValueError(f"it is nested deeper than {deepest} levels") from None
    return _shallow_enough(value, deepest)


def dump_json(value: Json) -> bytes:
    """Compact JSON in UTF-8, lone surrogates as escapes. Numbers are finite: whoever computes them has seen to that."""
    try:
        return orjson.dumps(value)
    except TypeError:  # a lone surrogate, or an integer beyond 64 bits
        return json.dumps(value, allow_nan=False, separators=(",", ":")).encode()


def _shallow_enough(value: Json, deepest: int) -> Json:
    if not isinstance(value, (list, dict)):
        return value
    layer: list[list[Json] | dict[str, Json]] = [value]
    for _ in range(deepest):
        layer = [
            item
            for each in layer
            for item in (each if isinstance(each, list) else each.values())
            if isinstance(item, (list, dict))
        ]
        if not layer:
            return value
    raise ValueError(f"it is nested deeper than {deepest} levels")


def _integer(text: str) -> int:
    if len(text) < 21 and -(2**63) <= (number := int(text)) < 2**64:
        return number
    raise ValueError("it has an integer beyond 64 bits")


def _number(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError("it has a number that is too large")
    return number


def _constant(text: str) -> float:
    raise ValueError(f"it holds {text}, which JSON doesn't have")
