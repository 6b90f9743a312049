"""JSON on its way into PostgreSQL and back, without loss.

Data is kept in columns of type `json`, which is text that was checked for syntax, and never in `jsonb`: a NUL in a string
(`\\u0000`) or half of a surrogate pair (`\\ud800`) survives in the one and is refused by the other. `jsonb` is for small
structures of our own.

It resembles `modules/sdk/json_bytes.py` and shares nothing with it: this package is at the bottom and imports no other, and the
driver wants text where the rest of the product wants bytes.
"""

from __future__ import annotations

import json
from typing import TypeAlias, cast

import orjson

Json: TypeAlias = "None | bool | int | float | str | list[Json] | dict[str, Json]"


def dumps(value: Json) -> str:
    """Compact JSON text. Half surrogates become escapes. Raises ValueError for NaN, infinities and foreign types."""
    try:
        return orjson.dumps(value).decode() if _finite(value) else _careful(value)
    except TypeError:
        # orjson refuses half surrogates, integers beyond 64 bits, and deep nesting.
        return _careful(value)


def _finite(value: Json) -> bool:
    """orjson writes NaN as null without a word, so a bare float is looked at; deeper ones were checked at the border."""
    return not (isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))))


def _careful(value: Json) -> str:
    try:
        return json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    except TypeError as error:
        raise ValueError(f"this is not JSON: {error}") from error


def loads(text: str | bytes) -> Json:
    """The value of JSON text that we wrote ourselves."""
    try:
        return cast("Json", orjson.loads(text))
    except orjson.JSONDecodeError:
        # Half surrogates, which orjson refuses in text too.
        return cast("Json", json.loads(text))


def plain_text(text: str) -> str:
    """Text that a `text` column can hold: without NUL, half surrogates replaced."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()
